"""What is written and told of a call while it goes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.core.chunk import Text
from shared.core.entry import Entry, EntryKind
from shared.core.faults import ProviderFault
from shared.core.leg import Batch, LegEnded, LegStarted, Restarted, Spliced
from shared.core.money import Micros
from shared.core.structured import NOTHING, Partial
from shared.runtime.answer import to_row, usage_row
from shared.runtime.asked import Asked
from shared.runtime.budget import Hold
from shared.runtime.retelling import left_over, refused, say_cut, say_turn
from shared.runtime.tape import Record, fault_row

if TYPE_CHECKING:
    from shared.runtime.effects import Fx


class Talk:
    """What is written and told of a call while it goes. Legs of an earlier process count on: `base` came before."""

    __slots__ = (
        "_asked", "_base", "_clock", "_ended", "_first", "_fx", "_journal", "_legs", "_partial", "_pieces", "_sent_at",
        "_telling", "_void",
    )  # fmt: skip

    def __init__(self, fx: "Fx", asked: Asked, record: Record | None) -> None:
        course = fx.course
        assert course.journal is not None
        assert course.context is not None
        self._fx, self._asked = fx, asked
        self._journal, self._telling, self._clock = course.journal, course.telling, course.context.clock
        self._base = len(record.legs) if record is not None else 0
        self._void = record is not None and left_over(fx, asked, record)
        self._legs: dict[int, tuple[LegStarted, int]] = {}
        """Legs whose outcome is not written, each with the position of its intent."""
        self._ended: LegEnded | None = None
        self._pieces: list[list[Any]] = []
        self._partial = self._grows()
        self._first = True
        self._sent_at = 0.0

    async def open(self, leg: LegStarted) -> None:
        """A leg is about to be sent: its intent is durable when this returns (law 3)."""
        if self._ended is not None:
            self.write()
        body: dict[str, Any] = {"why": dict(leg.why), "url": leg.url}
        if leg.served:
            body["cache"] = leg.served
        if self._first:
            body["asked"] = self._asked.request.decode()
            if self._base:
                body["fresh"] = True
            if self._void:
                body["void"] = True
                say_cut(self._fx, self._asked, f"void {self._base}")
        self._first = False
        self._fx.rung = leg.spec.name
        intent = self._add("intent", leg, body, request=leg.request).position
        self._legs[leg.leg] = (leg, intent)
        self._fx.served = leg.served
        if not leg.served:
            self._fx.course.asked = True
            # Nothing is sent where the answer is there already: its row may wait for the next ones.
            await self._journal.flush()
        if len(self._legs) == 1:
            self._sent_at = self._clock.monotonic()

    def hear(self, batch: Batch) -> None:
        """What one network read brought: all text that comes in a row is one event."""
        at = self._ms()
        if len(batch) == 1 and type(batch[0]) is Text:
            self._say(batch[0].text, at)
            return
        text: list[str] = []
        for chunk in batch:
            if type(chunk) is Text:
                text.append(chunk.text)
                continue
            if text:
                self._say("".join(text), at)
                text = []
            self._pieces.append([0, at, to_row(chunk)])
        if text:
            self._say("".join(text), at)

    def turn(self, item: Spliced | Restarted) -> Spliced | Restarted:
        """The answer goes on from another leg, or begins again. It as the step is to see it."""
        if isinstance(item, Restarted):
            self._partial = self._grows()
        item = replace(item, leg=self._base + item.leg)
        self._pieces.append([0, self._ms(), to_row(item)])
        say_turn(self._fx, self._asked, item)
        return item

    def close(self, ended: LegEnded, hold: Hold) -> None:
        """A leg is over. Its row is written with whatever comes next; that of a hedge that lost, at once."""
        if len(self._legs) > 1:
            leg, intent = self._legs.pop(ended.leg)
            self._outcome(leg, intent, ended, [], {})
            self._fx.rung = next(iter(self._legs.values()))[0].spec.name
            return
        self._ended = ended
        if ended.fault is None:
            hold.settle(ended.cost, ended.usage.input + ended.usage.output)

    def write(self, *, raised: ProviderFault | None = None) -> None:
        """Write the outcome of the leg that is over; `raised` where the call ends with it."""
        more = {} if raised is None else {"raised": fault_row(raised)}
        legs, self._legs = self._legs, {}
        pieces, self._pieces = self._pieces, []
        ended, self._ended = self._ended, None
        if not legs and raised is not None:
            refused(self._fx, self._asked, raised)
        for leg, intent in legs.values():
            if ended is not None and ended.leg == leg.leg:
                self._outcome(leg, intent, ended, pieces, more)
            else:
                self._broken(leg, intent, "" if raised is None else raised.code, pieces, more)

    def leave(self, partials: Sequence[LegEnded]) -> None:
        """The caller has gone."""
        found = {partial.leg: partial for partial in partials}
        for leg, intent in self._legs.values():
            over = self._ended is not None and self._ended.leg == leg.leg
            ended = self._ended if over else found.get(leg.leg)
            if ended is None:
                self._broken(leg, intent, "cancelled", self._pieces, {"left": True})
                continue
            cut = {} if over else {"unfinished": True}
            self._outcome(
                leg, intent, ended, self._pieces, {"left": True, **cut} if ended.fault is not None else {}
            )
            self._pieces = []
        self._legs, self._ended = {}, None

    def _outcome(
        self, leg: LegStarted, intent: int, ended: LegEnded, pieces: list[list[Any]], more: dict[str, Any]
    ) -> None:
        body = {
            "intent": intent, "pieces": pieces, "simulated": ended.simulated, "status": ended.status,
            "response_id": ended.response_id, **more,
        }  # fmt: skip
        if ended.fault is not None:
            body["fault"] = fault_row(ended.fault)
        if ended.was is not None:
            cost, used = ended.was
            body["was"] = {"cost": cost, "usage": usage_row(used)}
            self._fx.was = used
        row = self._add(
            "outcome", leg, body, response=ended.response, usage=ended.usage,
            cost=ended.cost, finish=ended.finish, fault=_code(ended, more),
            first_token_ms=ended.first_token_ms, total_ms=ended.total_ms,
        )  # fmt: skip
        self._fx.tally.add(row)
        self._journal.soon()

    def _broken(
        self, leg: LegStarted, intent: int, fault: str, pieces: list[list[Any]], more: dict[str, Any]
    ) -> None:
        """A leg of which nothing is known but that it is over."""
        body = {"intent": intent, "pieces": pieces, **more}
        row = self._add("outcome", leg, body, finish="error", fault=fault or "cancelled", cost=Micros(0))
        self._fx.tally.add(row)
        self._journal.soon()

    def _add(self, kind: EntryKind, leg: LegStarted, body: dict[str, Any], **columns: Any) -> Entry:
        return self._journal.add(
            kind, body, step=self._fx.path, key=self._asked.key, occurrence=self._asked.occurrence,
            attempt=self._fx.attempt, leg=self._base + leg.leg, model=leg.spec.name, provider=leg.spec.provider,
            **columns,
        )  # fmt: skip

    def _ms(self) -> int:
        return round((self._clock.monotonic() - self._sent_at) * 1000) if self._legs else 0

    def _say(self, text: str, at: int) -> None:
        self._pieces.append([self._telling.token(self._fx.path, text), at, text])
        if self._partial is not None and (value := self._partial.feed(text)) is not NOTHING:
            what = {"value": value}
            self._pieces.append([self._telling.token(self._fx.path, what), at, what])

    def _grows(self) -> Partial | None:
        schema = self._asked.prompt.schema
        return Partial(schema) if self._asked.values and schema is not None else None


def _code(ended: LegEnded, more: Mapping[str, Any]) -> str:
    """Why a leg delivered nothing. That its caller left is nobody's outage and must not look like one."""
    if ended.fault is None:
        return ""
    return "caller_left" if "unfinished" in more else ended.fault.code
