"""What an answer has to pass on its way to readers and into the log's pieces."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from shared.core.chunk import Chunk, Citation, Reasoning, Text, Used
from shared.core.leg import Batch, LegEnded, LegItem, LegStarted, Restarted, Servable, Spliced

_PASSING = (Reasoning, Citation, Used)
"""What says nothing of whether the text goes on."""


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
    """A call's items, its text through a filter. Text that is held back goes out before what ends it; an answer that
    begins anew goes through a filter of its own."""
    through = make()
    async with aclosing(source) as items:
        async for item in items:
            match item:
                case LegStarted() | Spliced() | Servable():
                    yield item
                case Restarted():
                    through = make()
                    yield item
                case LegEnded():
                    if item.fault is None and (rest := through.flush()):
                        yield [Text(rest)]
                    yield item
                case _:
                    if out := _read(item, through):
                        yield out


def _read(batch: Batch, through: Filter) -> list[Chunk]:
    out: list[Chunk] = []
    for chunk in batch:
        if not isinstance(chunk, Text):
            rest = "" if isinstance(chunk, _PASSING) else through.flush()
            out += [Text(rest), chunk] if rest else [chunk]
        elif text := through.feed(chunk.text):
            out.append(Text(text))
    return out
