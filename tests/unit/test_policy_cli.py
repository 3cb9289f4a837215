"""`chatsmart policy`: what is shown can be set, and a file that can't be used is refused before anything is sent."""

from pathlib import Path

import pytest

from infra.cli.policy import parts_of, read
from infra.cli.trouble import Trouble
from shared.core.rules import NO_RULES
from shared.core.rules_json import PARTS, as_json


def test_the_parts_of_a_policy_are_those_that_can_be_set() -> None:
    """And those of a later server as well; nothing that only tells about it."""
    policy = {"object": "policy", "version": 3, "own": {}, "now": [], "spend": {}, "rate": {}, "later": 1}
    found = parts_of(policy | as_json(NO_RULES))
    assert set(found) == {"spend", "rate", "later", *PARTS}
    assert list(found)[:3] == ["spend", "rate", "models"]


@pytest.mark.parametrize("text", ["", "no json", "[]", "5", '{"a": ', "[" * 100_000])
def test_a_file_that_holds_no_parts_is_wrong_usage(tmp_path: Path, text: str) -> None:
    """It is named."""
    file = tmp_path / "policy.json"
    file.write_text(text)
    with pytest.raises(Trouble, match=r"policy\.json") as refused:
        read(str(file))
    assert refused.value.code == 2


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    """It is named as well; one that is there is read."""
    with pytest.raises(Trouble, match=r"none\.json can't be read"):
        read(str(tmp_path / "none.json"))
    (tmp_path / "policy.json").write_text('{"redact": "*"}')
    assert read(str(tmp_path / "policy.json")) == {"redact": "*"}
