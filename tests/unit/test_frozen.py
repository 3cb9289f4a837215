"""Frozen values that are made faster."""

from copy import copy, deepcopy
from dataclasses import FrozenInstanceError, dataclass, field, replace
from pickle import dumps, loads

import pytest

from shared.core.frozen import quick


@dataclass(frozen=True, slots=True)
class Plain:
    """A value with every kind of field."""

    name: str
    number: int = 3
    many: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuses what is no value."""
        if self.number < 0:
            raise ValueError(self.name)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    """The same."""

    name: str
    number: int = 3
    many: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuses what is no value."""
        if self.number < 0:
            raise ValueError(self.name)


def test_it_is_the_value_that_it_would_be() -> None:
    """Equal, copied, pickled and shown as any dataclass; each has a list of its own."""
    one, other = Quick("a", many=[1]), Quick(name="a", number=3, many=[1])
    assert one == other
    assert one != Quick("a")
    assert repr(one).removeprefix("Quick") == repr(Plain("a", many=[1])).removeprefix("Plain")
    assert replace(one, number=4) == Quick("a", 4, [1])
    assert copy(one) == deepcopy(one) == loads(dumps(one)) == one
    assert type(one) is Quick
    assert Quick("a").many is not Quick("a").many


def test_it_is_frozen_and_checked() -> None:
    """Nothing can be set or left out, and what a value refuses it refuses."""
    one = Quick("a")
    with pytest.raises(FrozenInstanceError):
        one.number = 4  # type: ignore[misc]
    with pytest.raises(TypeError, match="name"):
        Quick()  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="b"):
        Quick("b", -1)


def test_what_it_would_change_it_refuses() -> None:
    """A class with bases or with fields that are no parameters is left as it was."""

    @dataclass(frozen=True, slots=True)
    class Based(Plain):
        """Has fields that are not in its slots."""

    @dataclass(frozen=True, slots=True)
    class Hidden:
        """Has a field that is no parameter."""

        name: str = field(init=False)

    for kind in (Based, Hidden):
        with pytest.raises(TypeError, match="has"):
            quick(kind)
