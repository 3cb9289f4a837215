"""One chat on its way to its caller: asked, checked, logged, settled."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.chat import structured
from shared.chat.admission import Admission
from shared.chat.order import ChatOrder
from shared.chat.orders import Served, caching_of
from shared.chat.outward import outward
from shared.chat.refusals import again_where_refused
from shared.core.chunk import Text, Used
from shared.core.ids import RunId, TraceId, run_id, trace_of
from shared.core.leg import Piece, Spliced
from shared.core.limit import Remaining
from shared.core.money import ZERO, Micros
from shared.core.prompt import Prompt
from shared.core.tenant import Principal
from shared.core.usage import Usage
from shared.guard.checking import checking
from shared.guard.hiding import Hiding
from shared.runtime.effects import Fx
from shared.runtime.solo import Session

if TYPE_CHECKING:
    from shared.chat.desk import Chat

Item = tuple[int, Sequence[Piece]]
"""Which of the `n` answers, and what one network read brought of it."""


class Items:
    """What had come already, then what comes: no generator of its own, which each read would have to pass through."""

    __slots__ = ("_first", "_rest")

    def __init__(self, first: Sequence[Item], rest: AsyncGenerator[Item, None]) -> None:
        self._first = list(reversed(first))
        self._rest = rest

    def __aiter__(self) -> "Items":
        """Itself: it can be read once."""
        return self

    def __anext__(self) -> Awaitable[Item]:
        """The next read."""
        return _given_again(self._first.pop()) if self._first else self._rest.__anext__()

    async def aclose(self) -> None:
        """As for a generator."""
        await self._rest.aclose()


async def _given_again(item: Item) -> Item:
    return item


class Answering:
    """An answer on its way. `usage` and `cost` are known once `items` has ended; `cost` None is unpriced. `notes` are
    told beside it: who went on where another broke off, whether JSON that was asked for is valid. `remaining` is what
    the caller's rates still allow."""

    def __init__(
        self,
        desk: "Chat",
        principal: Principal,
        order: ChatOrder,
        served: Served,
        request: bytes,
        hiding: Hiding,
    ) -> None:
        self.run: RunId = order.run or run_id("chat", desk.ids.uuid())
        self.usage: Usage | None = None
        self.cost: Micros | None = None
        self.notes: dict[str, Any] = {}
        self._admission = Admission(desk, principal, order, served, request, hiding, self.run)
        self._desk, self._principal, self._order, self._served = desk, principal, order, served
        self._hiding = hiding
        self._request = request
        self._fx: Fx | None = None
        self._source = self._work()
        self._first: list[Item] = []

    @property
    def remaining(self) -> Sequence[Remaining]:
        """What the caller's rates still allow; empty before it was let through."""
        return self._admission.remaining

    @property
    def trace(self) -> TraceId:
        """The trace of the run."""
        return trace_of(self.run)

    @property
    def model(self) -> str:
        """Who serves: the rung that is answering now."""
        rung = self._fx.rung if self._fx is not None else ""
        return rung or self._served.ladder[0].name

    @property
    def simulated(self) -> bool:
        """Whether no real provider stands behind the model that serves."""
        return self._desk.catalogue.get(self.model).provider in self._desk.simulated

    @property
    def cache(self) -> str:
        """Out of what the answer comes: `miss`, or `hit`, `near`, `joined`."""
        return (self._fx.served if self._fx is not None else "") or "miss"

    async def begin(self) -> None:
        """Wait for the first piece that shows, so that what fails before it can be told by a status. Raises its
        fault."""
        async for item in self._source:
            self._first.append(item)
            if not all(isinstance(piece, Used) for piece in item[1]):
                break

    def items(self) -> "Items":
        """The answer, read by read. Raises the last leg's ProviderFault where it breaks off for good."""
        return Items(self._first, self._source)

    async def aclose(self) -> None:
        """The caller leaves: the provider is told at once, what came is logged, the money is settled."""
        await self._source.aclose()

    async def _work(self) -> AsyncGenerator[Item, None]:
        desk, tenant, rules = self._desk, self._principal.tenant, self._principal.rules
        context = desk.context(
            tenant, self.run, self._principal.actor,
            caching=caching_of(self._order, rules), admit=self._admission, check=checking(rules),
            # Whoever may ask for it again under a key finds it in the log.
            behind=None if self._order.run else desk.behind,
        )  # fmt: skip
        desk.alive.add(self.run)
        session = Session(context, given=_given(self._order, self._hiding), ladder=self._served.ladder)
        try:
            async with session:
                self._fx = session.fx
                items = self._one(session.fx) if self._order.n == 1 else self._several(session.fx)
                item: Item = (0, ())
                ways = outward(self._order, self._hiding.marks)
                async with aclosing(items):
                    async for item in items:
                        if type(item[1][0]) is Spliced:
                            join = {"model": session.fx.rung, "how": item[1][0].how}
                            self.notes.setdefault("spliced", []).append(join)
                        if ways is None:
                            yield item
                        elif out := ways.of(item[0]).pieces(item[1]):
                            yield item[0], out
                if ways is not None:
                    for index, held in ways.ends():
                        yield index, held
                if self.notes:
                    # For a repeat of the request: nobody is asked then.
                    session.fx.note("said", self._said(item))
        finally:
            desk.alive.discard(self.run)
            self._settle(session)

    def _settle(self, session: Session) -> None:
        """What came of it: told, and paid where anything was held."""
        view, admission, settlements = session.view, self._admission, self._desk.settlements
        if view is not None:
            self.usage, self.cost = view.usage, None if view.unpriced else view.cost
            if admission.held:
                rest = admission.rest(view.usage.input + view.usage.output)
                settlements.soon(self._principal.tenant, self.run, view.cost, rest)
        elif session.refused and admission.held:
            settlements.soon(self._principal.tenant, self.run, ZERO)
        # Else the end could not be written: the hold stands in for what was spent until it expires.
        if session.fx.was is not None:
            # What the answer used when it was made: nothing was used for it now, and where its rows are written behind
            # it, nothing is owed.
            self.usage = session.fx.was
            self.cost = ZERO if view is None else self.cost

    def _said(self, last: Item) -> dict[str, Any]:
        """The notes, and the text of an answer that was checked before it went out."""
        checked = "valid" in self.notes and not self._order.stream and self._order.n == 1
        text = "".join(piece.text for piece in last[1] if isinstance(piece, Text))
        return {"notes": self.notes, "text": text} if checked else {"notes": self.notes}

    async def _one(self, fx: Fx) -> AsyncGenerator[Item, None]:
        prompt, ask = self._order.prompt, partial(self._asked, fx, "")
        if self._principal.rules.when_refused:
            # For a repeat of the request: what was declined is told to nobody then either.
            declined = partial(fx.note, "declined", {"declined": True})
            ask = partial(again_where_refused, ask, self._principal.rules, declined)
        if not structured.wanted(prompt):
            source = ask(prompt)
        elif self._order.stream:
            source = structured.streamed(ask, prompt, self.notes)
        else:
            source = structured.whole(ask, prompt, self.notes)
        async with aclosing(source) as batches:
            async for batch in batches:
                yield 0, batch

    def _asked(self, fx: Fx, label: str, prompt: Prompt) -> AsyncGenerator[Sequence[Piece], None]:
        served = self._served
        request = self._request if prompt is self._order.prompt and not label else None
        return fx.batches(prompt, finishers=served.finishers, why=served.why, label=label, request=request)

    async def _several(self, fx: Fx) -> AsyncGenerator[Item, None]:
        """`n` calls at once; the label keeps them apart in the log. The first to fail for good ends them all."""
        queue: asyncio.Queue[Item | None] = asyncio.Queue(256)

        async def one(index: int) -> None:
            async with aclosing(self._asked(fx, f"choice {index}", self._order.prompt)) as batches:
                async for batch in batches:
                    await queue.put((index, batch))

        async def all_of_them() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for index in range(self._order.n):
                        group.create_task(one(index))
            except BaseExceptionGroup as group_fault:
                raise group_fault.exceptions[0] from None
            finally:
                await queue.put(None)

        task = asyncio.create_task(all_of_them())
        try:
            while (item := await queue.get()) is not None:
                yield item
            await task
        finally:
            task.cancel()
            while not task.done():
                # A full queue must not keep a cancelled call from ending.
                while not queue.empty():
                    queue.get_nowait()
                await asyncio.wait((task,), timeout=0.01)


def _given(order: ChatOrder, hiding: Hiding) -> dict[str, object]:
    given = {"model": order.model, "n": order.n, "stream": order.stream}
    return given | {"hidden": len(hiding.marks)} if hiding.any else given
