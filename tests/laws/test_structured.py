"""Laws of values that grow: each shown one is a beginning of the answer, the last is the answer, the work is linear."""

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.core.schema import Schema
from shared.core.structured import NOTHING, Partial, read

ANY = Schema("any", {"type": ["object", "array"]})
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=30)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
)
ROOTS = st.lists(VALUES, max_size=5) | st.dictionaries(st.text(max_size=8), VALUES, max_size=6)


def begins(part: Any, whole: Any) -> bool:
    """Whether a value is one that grows into the other."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return part.keys() <= whole.keys() and all(begins(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(begins, part, whole))
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return part == whole and type(part) is type(whole)


def pieces(text: str, cuts: list[int]) -> list[str]:
    """A text cut at these places."""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


@given(ROOTS, st.lists(st.integers(0, 10_000), max_size=60), st.booleans(), st.booleans())
def test_every_value_shown_is_a_beginning_of_the_answer(
    value: Any, cuts: list[int], ascii_only: bool, fenced: bool
) -> None:
    """However the text is cut, whatever is in it: no value shows that the answer does not bear out."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    partial = Partial(ANY)
    shown: list[Any] = []
    for piece in pieces(f"```json\n{text}" if fenced else text, cuts):
        if (found := partial.feed(piece)) is not NOTHING:
            shown.append(found)
    for before, after in zip(shown, [*shown[1:], value], strict=True):
        assert begins(before, after)
        assert begins(before, value)
    assert read(f"So:\n```json\n{text}\n```\nDone.", ANY) == value


@given(st.lists(st.text("ab", min_size=1, max_size=9), min_size=1, max_size=400))
def test_the_values_of_a_short_answer_end_with_it(words: list[str]) -> None:
    """Token by token: once the answer is over, and short enough to be read with each member, it shows whole."""
    text = json.dumps({"words": words})
    partial = Partial(ANY)
    found = [value for mark in text if (value := partial.feed(mark)) is not NOTHING]
    if len(text) <= 2048:
        assert found[-1] == {"words": words}
    else:
        assert len(found[-1]["words"]) >= len(words) * 3 // 4


def test_the_work_is_linear() -> None:
    """All readings together cost at most nine of the whole, after the first two thousand characters."""

    class Counting(Partial):
        __slots__ = ("read",)

        def __init__(self) -> None:
            super().__init__(ANY)
            self.read = 0

        def _value(self) -> Any:
            self.read += self._size
            return super()._value()

    counting = Counting()
    text = json.dumps({"words": ["tide"] * 30_000})
    for at in range(0, len(text), 4):
        counting.feed(text[at : at + 4])
    assert counting.read <= 9 * len(text) + 2048 * 2048
