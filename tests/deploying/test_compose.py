"""One App of several parts."""

from types import ModuleType

import modal
import pytest

from infra.deploy import NamesCollide, composed, names
from shared.config import Deployment


def _part(name: str, *functions: str) -> ModuleType:
    """A module with an App that has these functions."""
    module = ModuleType(name)
    app = modal.App(name)
    vars(module)["app"] = app
    for one in functions:

        def act() -> None: ...

        act.__name__ = act.__qualname__ = one
        vars(module)[one] = app.function(serialized=True, name=one)(act)
    return module


def test_two_parts_become_one_app_with_the_revision_on_it() -> None:
    """What is deployed is found by what it was made from."""
    one, two = _part("one", "write"), _part("two", "weights")
    assert sorted(names(one) | names(two)) == ["weights", "write"]
    assert composed(Deployment(revision="abc"), one, two).name == "chatsmart"


def test_two_functions_of_one_name_are_refused() -> None:
    """Modal itself would keep one of them and only warn."""
    with pytest.raises(NamesCollide, match="two deploys seal a second time"):
        composed(Deployment(), _part("one", "write", "seal"), _part("two", "seal"))
