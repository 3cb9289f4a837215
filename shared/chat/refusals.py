"""A question that was declined is asked once more, with what the tenant wants said before it."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from shared.chat.structured import Ask
from shared.core.chunk import Citation, Ended, Reasoning, Refusal, Used
from shared.core.faults import Refused
from shared.core.leg import Piece
from shared.core.prompt import Prompt
from shared.core.rules import Rules
from shared.guard.fallback import when_refused

_BEFORE = (Reasoning, Citation, Used)
"""What may come before it is known whether the model answers."""
_DECLINED = ("refusal", "content_filter")


async def again_where_refused(
    ask: Ask, rules: Rules, declined: Callable[[], None], prompt: Prompt
) -> AsyncGenerator[Sequence[Piece], None]:
    """The answer; where the model declines before it has said anything, that to the other request. What it thought
    until then is shown to nobody; `declined` is told before the other is asked."""
    waiting: list[Sequence[Piece]] = []
    answers = declines = False
    try:
        async with aclosing(ask(prompt)) as reads:
            async for read in reads:
                if answers:
                    yield read
                    continue
                waiting.append(read)
                declines = declines or any(_declines(piece) for piece in read)
                if declines or all(isinstance(piece, _BEFORE) for piece in read):
                    continue
                answers = True
                for early in waiting:
                    yield early
    except Refused:
        if answers:
            raise
        declines = True
    if declines and not answers:
        declined()
        async with aclosing(ask(when_refused(prompt, rules))) as reads:
            async for read in reads:
                yield read
    elif not answers:
        for early in waiting:
            yield early


def _declines(piece: Piece) -> bool:
    return isinstance(piece, Refusal) or (isinstance(piece, Ended) and piece.finish in _DECLINED)
