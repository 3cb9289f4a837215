"""What an answer has to pass on its way to readers and into the log's pieces."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from shared.core.chunk import Chunk, Citation, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.leg import Batch, LegEnded, LegItem, LegStarted, Restarted, Servable, Spliced

_Key = tuple[type[Chunk], int]
_WORDS = (Text, Reasoning, Refusal, ToolCallPart)
"""What has words that readers see."""
_EMPTY: dict[type[Chunk], Chunk] = {Text: Text(""), Reasoning: Reasoning(""), Refusal: Refusal("")}


class Filter(Protocol):
    """Text on its way out: what may go of it now, and what was held back. Both raise where it must not go at all."""

    def feed(self, text: str) -> str:
        """What may go out."""
        ...

    def flush(self) -> str:
        """The rest: the text is over."""
        ...


MakeFilter = Callable[[], Filter]


async def passed(source: AsyncGenerator[LegItem, None], make: MakeFilter) -> AsyncGenerator[LegItem, None]:
    """A call's items, their words through filters. What is held back goes out before what ends it; an answer that
    begins anew goes through filters of its own."""
    through = _Through(make)
    async with aclosing(source) as items:
        async for item in items:
            match item:
                case LegStarted() | Spliced() | Servable():
                    yield item
                case Restarted():
                    through = _Through(make)
                    yield item
                case LegEnded():
                    if item.fault is None and (rest := through.rest()):
                        yield rest
                    yield item
                case _:
                    if out := through.read(item):
                        yield out


class _Through:
    """The filters of one answer: one for its text, its thinking, its refusal, and for each call's arguments."""

    __slots__ = ("_make", "_open")

    def __init__(self, make: MakeFilter) -> None:
        self._make = make
        self._open: dict[_Key, Filter] = {}

    def read(self, batch: Batch) -> list[Chunk]:
        """What may go out of a read; possibly nothing yet."""
        out: list[Chunk] = []
        for chunk in batch:
            if not isinstance(chunk, _WORDS):
                if not isinstance(chunk, Citation | Used):
                    out += self.rest()
                out.append(chunk)
                continue
            key: _Key = (type(chunk), chunk.index if isinstance(chunk, ToolCallPart) else 0)
            if key not in self._open:
                # Thinking may come between two pieces of text; anything else ends what went before.
                out += [] if isinstance(chunk, Reasoning) else self.rest(but=key)
                self._open[key] = self._make()
            words = self._open[key].feed(_words(chunk))
            if words or (isinstance(chunk, ToolCallPart) and (chunk.id or chunk.name)):
                out.append(_with(chunk, words))
        return out

    def rest(self, but: _Key | None = None) -> list[Chunk]:
        """What was held back. Calls go on side by side: the end of one is no end of another."""
        out: list[Chunk] = []
        for key, filter_ in list(self._open.items()):
            if but is not None and (key[0] is Reasoning or key[0] is but[0] is ToolCallPart):
                continue
            del self._open[key]
            if words := filter_.flush():
                out.append(
                    _with(_EMPTY[key[0]] if key[0] is not ToolCallPart else ToolCallPart(key[1]), words)
                )
        return out


def _words(chunk: Chunk) -> str:
    return chunk.arguments if isinstance(chunk, ToolCallPart) else getattr(chunk, "text", "")


def _with(chunk: Chunk, words: str) -> Chunk:
    match chunk:
        case ToolCallPart():
            return replace(chunk, arguments=words)
        case Reasoning():
            return Reasoning(words)
        case Refusal():
            return Refusal(words)
        case _:
            return Text(words)
