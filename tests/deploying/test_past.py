"""Which versions went back, and where a rollback goes."""

import pytest

from infra.deploying.past import before, past
from infra.deploying.plane import Release


def history(tags: str) -> tuple[Release, ...]:
    """Versions with these tags, oldest first in `tags`; a dot is a version without a tag."""
    found = [Release(number, tag.strip(".")) for number, tag in enumerate(tags, start=1)]
    return tuple(reversed(found))


@pytest.mark.parametrize(
    ("tags", "goes_to"),
    [
        ("", 0),
        ("A", 0),
        ("AB", 1),
        ("ABCB", 1),  # C failed: never to it
        ("ABCBDB", 1),
        ("ABA", 0),  # gone back by hand: forward is for a person to say
        ("ABBA", 0),  # a release with a new pool is published twice
        ("ABAB", 3),  # B was shipped anew: A is where it can go back to
        ("ABCBA", 0),  # back by hand from B as well: v2 holds what was left
        ("ABABC", 4),  # B failed once, and was good the second time
        ("ABB", 1),  # shipped again: of the same tag, so nothing else would run
        ("...", 2),  # without tags nothing is known of them
    ],
)
def test_a_rollback_goes_to_the_newest_other_version_that_nobody_went_back_from(
    tags: str, goes_to: int
) -> None:
    """Each letter is a version's tag."""
    assert before(history(tags)) == goes_to


def test_versions_that_went_back_are_told_from_those_that_were_left() -> None:
    """A deploy of the same revision again is neither."""
    found = past(history("ABBCCB"))
    assert (found.backs, found.left, found.bad) == ({6: 3}, frozenset({5}), frozenset({"C"}))
    again = past(history("ABAB"))
    assert (again.backs, again.left, again.bad) == ({3: 1}, frozenset({2}), frozenset())
    assert past(history("..A.A")).backs == {5: 3}
