"""What an answer has to pass: every kind of its words, each through a filter of its own."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from shared.core.chunk import Chunk, Ended, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.faults import OutputBlocked
from shared.core.leg import LegItem
from shared.core.rules import OutputRules, Rules
from shared.core.usage import Usage
from shared.guard.checking import checking
from shared.runtime.checked import passed

USED = Used(Usage())


async def through(*reads: Sequence[Chunk], then: str = "mask") -> list[Chunk]:
    """What readers get of an answer whose policy forbids `green tea`."""
    rules = OutputRules(phrases=("green tea",), then="mask" if then == "mask" else "refuse")
    make = checking(Rules(output=rules))
    assert make is not None

    async def source() -> AsyncGenerator[LegItem, None]:
        for read in reads:
            yield list(read)

    return [chunk async for item in passed(source(), make) for chunk in item]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "words",
    [
        [Text("some green"), Text(" tea, hot")],
        [Reasoning("some green"), Reasoning(" tea, hot")],
        [Refusal("some green"), Refusal(" tea, hot")],
        [ToolCallPart(0, "c", "f", '{"a": "green'), ToolCallPart(0, arguments=' tea"}')],
    ],
)
async def test_no_kind_of_words_gets_by(words: list[Chunk]) -> None:
    """Not cut in two either, and not with a usage report in between."""
    found = await through([words[0]], [USED], [words[1]], [Ended("stop")])
    assert "green" not in repr(found)
    assert isinstance(found[-1], Ended)
    with pytest.raises(OutputBlocked):
        await through(words, [Ended("stop")], then="refuse")


async def test_what_is_held_back_goes_before_what_ends_it() -> None:
    """Text before the call that follows it; calls side by side keep their own."""
    found = await through(
        [Text("a green")],
        [ToolCallPart(0, "c0", "f", "gre"), ToolCallPart(1, "c1", "g", "x gre")],
        [ToolCallPart(0, arguments="ek"), ToolCallPart(1, arguments="en")],
        [Ended("tool_calls")],
    )
    assert "".join(c.text for c in found if isinstance(c, Text)) == "a green"
    first_call = next(n for n, c in enumerate(found) if isinstance(c, ToolCallPart))
    assert all(n < first_call for n, c in enumerate(found) if isinstance(c, Text))
    calls = {
        n: "".join(c.arguments for c in found if isinstance(c, ToolCallPart) and c.index == n) for n in (0, 1)
    }
    assert calls == {0: "greek", 1: "x green"}
