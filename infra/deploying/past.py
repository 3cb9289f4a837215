"""What the versions at Modal say of one another. Their list names tags and no rollbacks, so both are read off the tags.

A version that carries an older one's tag, with another in between, went back to it, and the tag right before it counts
as bad from then on. Where the tag that comes again was bad itself, somebody has shipped it anew: it is good again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.deploying.plane import Release


@dataclass(frozen=True, slots=True)
class Past:
    """`backs`: the versions that went back, each with the newest one before of its tag. `left`: the versions that they
    went back from. `bad`: the tags that stand as gone back from."""

    backs: Mapping[int, int]
    left: frozenset[int]
    bad: frozenset[str]


def past(history: Sequence[Release]) -> Past:
    """Read off `history`, which is newest first."""
    backs: dict[int, int] = {}
    left: set[int] = set()
    bad: set[str] = set()
    seen: dict[str, int] = {}
    last: Release | None = None
    for one in reversed(history):
        tag = _name(one)
        if last is not None and tag in seen and tag != _name(last):
            if tag in bad:
                bad.discard(tag)
            else:
                backs[one.version] = seen[tag]
                left.add(last.version)
                bad.add(_name(last))
        seen[tag] = one.version
        last = one
    return Past(backs, frozenset(left), frozenset(bad))


def before(history: Sequence[Release]) -> int:
    """The newest version of another tag than what runs, and of none that stands as bad; 0 where there is none."""
    if not history:
        return 0
    never = {_name(history[0]), *past(history).bad}
    return next((one.version for one in history if _name(one) not in never), 0)


def _name(one: Release) -> str:
    """What it holds; one without a tag is like no other."""
    return one.tag or f"v{one.version}"
