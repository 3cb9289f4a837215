"""One call to the models: paid for, logged leg by leg, told to readers; or taken from the log (design laws 2 to 4)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from shared.core.chunk import Text
from shared.core.entry import Entry, EntryKind
from shared.core.event import Event
from shared.core.faults import BadRequest, Fault, OverBudget, ProviderFault, TimedOut
from shared.core.frozen import quick
from shared.core.ids import span_of
from shared.core.leg import Batch, Call, LegEnded, LegItem, LegStarted, Piece, Restarted, Spliced
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.core.structured import NOTHING, Partial
from shared.ports.models import Models
from shared.runtime.answer import from_row, shown, to_row, usage_row
from shared.runtime.budget import Hold
from shared.runtime.course import Mode
from shared.runtime.journal import shielded
from shared.runtime.step import Ladder
from shared.runtime.tape import Leg, Record, fault_of, fault_row

if TYPE_CHECKING:
    from shared.runtime.effects import Fx

DEADLINE = 120.0
"""Seconds for a call, all its legs together, where the step's budget leaves more or names none."""
IMAGE_TOKENS = 6_000
"""More than any provider counts for one image at full detail."""
BYTES_PER_TOKEN = 1
"""No token is shorter than a byte: a bound that no text beats, so that a hold is never too small (law 2)."""
PLACE = ("step", "key", "occurrence", "attempt", "leg", "model", "provider", "request")
"""The columns that an outcome shares with its intent."""
GOING_ON = 512
"""Tokens, at most, of the request to go on with an answer that broke off."""
TOKENS_PER_MESSAGE = 16
"""What wire formats add around a message."""


@quick
@dataclass(frozen=True, slots=True)
class Asked:
    """A call as the log names it."""

    prompt: Prompt
    request: bytes
    key: str
    occurrence: int
    ladder: Ladder
    stream: bool
    finishers: Ladder = ()
    why: Mapping[str, Any] | None = None
    values: bool = False
    """Whether readers are told what a structured answer holds so far."""


def canonical(prompt: Prompt, label: str) -> bytes:
    """A prompt as bytes: equal prompts, equal bytes, on every machine. Raises BadRequest where it is no JSON."""
    try:
        return orjson.dumps([label, prompt], default=dict, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise BadRequest(f"The prompt can't be written as JSON: {error}.") from None


def tokens_at_most(prompt: Prompt, request: bytes | None = None) -> int:
    """An upper bound of the tokens that a prompt takes; `request` is its canonical form where that is known."""
    images = [image for message in prompt.messages for image in message.images]
    size = len(request or canonical(prompt, "")) - sum(len(image.url) for image in images)
    around = TOKENS_PER_MESSAGE * (len(prompt.messages) + 1)
    return size // BYTES_PER_TOKEN + around + IMAGE_TOKENS * len(images)


def worst_cases(
    prompt: Prompt, specs: Sequence[ModelSpec], read: int, at: datetime
) -> dict[str, tuple[int, int]]:
    """The most that an answer to a prompt of at most `read` tokens can cost and take on each of these models, one of
    which may have to finish what another began: micro-dollars and tokens. Models without a price at `at` are left out.
    """
    found: dict[str, tuple[int, int]] = {}
    for spec in specs:
        wrote = min(prompt.max_output or spec.max_output, spec.max_output)
        # A later leg has to read what an earlier one wrote, to go on from there.
        more = read + wrote + GOING_ON if len(specs) > 1 else read
        try:
            found[spec.name] = (spec.worst_case(more, wrote, at), more + wrote)
        except LookupError:
            continue
    return found


async def act(fx: "Fx", asked: Asked, record: Record | None) -> AsyncGenerator[Sequence[Piece], None]:
    """Ask the models. `record` is what an earlier process of this run left of the same call: it is told again, then
    void."""
    context = fx.course.context
    assert context is not None
    hold, call = _prepared(fx, asked)
    talk = Talk(fx, asked, record)
    telling = fx.course.telling
    source = context.models.stream(call)
    try:
        async for item in source:
            if type(item) is list:  # the usual case, told apart without asking four classes
                talk.hear(item)
                yield item
                if telling.crowded:
                    await telling.room()
                continue
            match item:
                case LegStarted():
                    await talk.open(item)
                case LegEnded():
                    talk.close(item, hold)
                case Spliced() | Restarted():
                    yield (talk.turn(item),)
                case _:
                    talk.hear(item)
                    yield item
        talk.write()
    except ProviderFault as fault:
        talk.write(raised=fault)
        raise
    except BaseException:
        await shielded(_leave(talk, source, context.models, call, hold))
        raise
    finally:
        hold.release()


async def _leave(
    talk: "Talk", source: AsyncGenerator[LegItem, None], models: Models, call: Call, hold: Hold
) -> None:
    """The caller goes: the provider is told at once, and what the open legs had come to is written down and paid."""
    await source.aclose()
    partials = models.partials(call)
    for partial in partials:
        hold.settle(partial.cost, partial.usage.input + partial.usage.output)
    talk.leave(partials)


def _prepared(fx: "Fx", asked: Asked) -> tuple[Hold, Call]:
    """The call, with its worst case held. A refusal is written down, for replays meet it too."""
    course = fx.course
    assert course.context is not None
    try:
        deadline = _deadline(fx)
        hold, ladder, finishers = _afford(fx, asked)
    except Fault as fault:
        refused(fx, asked, fault)
        raise
    span = span_of(course.trace, fx.path, asked.key, asked.occurrence)
    return hold, Call(
        course.tenant, course.trace, span, asked.prompt, ladder, deadline, asked.stream, fx.step.need, finishers,
        asked.why, course.context.hedge,
    )  # fmt: skip


def refused(fx: "Fx", asked: Asked, fault: Fault) -> None:
    """Write down that a call was never sent."""
    assert fx.course.journal is not None
    body = {"refused": fault_row(fault), "asked": asked.request.decode()}
    columns: dict[str, Any] = {
        "step": fx.path,
        "key": asked.key,
        "occurrence": asked.occurrence,
        "attempt": fx.attempt,
    }
    fx.course.journal.add("effect", body, **columns)


def _deadline(fx: "Fx") -> float:
    context = fx.course.context
    if fx.until is None or context is None:
        return DEADLINE
    left = fx.until - context.clock.monotonic()
    if left <= 0:
        raise TimedOut(f"Step {fx.path} has used up its {fx.step.budget.seconds:g} seconds.")
    return left


def _afford(fx: "Fx", asked: Asked) -> tuple[Hold, Ladder, Ladder]:
    """Hold the worst case of the call on any rung; where that does not fit, on those rungs that do. The hold, the rungs
    and the finishers that it covers. Raises OverBudget where it covers no rung."""
    context = fx.course.context
    assert context is not None
    at, read = context.clock.now(), tokens_at_most(asked.prompt, asked.request)
    money, room = fx.purse.left()
    worst = worst_cases(asked.prompt, (*asked.ladder, *asked.finishers), read, at)
    rungs = [spec for spec in asked.ladder if spec.name in worst]
    if not rungs:
        raise OverBudget("No model on the ladder has a price today, so nothing can be held for the call.")
    covered = {name for name, (cost, tokens) in worst.items() if cost <= money and tokens <= room}
    ladder = tuple(spec for spec in rungs if spec.name in covered)
    if not ladder:
        return fx.purse.reserve(*min(worst[spec.name] for spec in rungs)), (), ()
    costs, sizes = zip(*(worst[name] for name in covered), strict=True)
    finishers = tuple(spec for spec in asked.finishers if spec.name in covered and spec not in ladder)
    return fx.purse.reserve(max(costs), max(sizes)), ladder, finishers


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


def say_cut(fx: "Fx", asked: Asked, leg: int | str) -> None:
    """Tell readers that what they saw of this call is void; `leg` tells one cut of a call from another."""
    fx.tally.cuts += 1
    ident = f"cut:{fx.path}:{asked.key}:{asked.occurrence}:{leg}"
    fx.course.say("spliced", ident, {"trace": fx.course.trace, "step": fx.path, "how": "restart"})


def say_turn(fx: "Fx", asked: Asked, item: Spliced | Restarted) -> None:
    """Tell readers that another leg goes on from what they saw, or that it is void."""
    if isinstance(item, Restarted):
        say_cut(fx, asked, item.leg)
        return
    fx.tally.cuts += 1
    ident = f"join:{fx.path}:{asked.key}:{asked.occurrence}:{item.leg}"
    data = {"trace": fx.course.trace, "step": fx.path, "how": item.how, "model": fx.rung}
    fx.course.say("spliced", ident, data)


def left_over(fx: "Fx", asked: Asked, record: Record) -> bool:
    """Tell again what an earlier process told of a call that it did not end; close the leg it died in. Whether
    readers saw any of it."""
    course, tape = fx.course, fx.course.tape
    assert course.journal is not None
    assert tape is not None
    shown = any(event.name == "token" and event.data.get("step") == fx.path for event in tape.verbatim)
    for n, leg in enumerate(record.legs):
        if leg.intent.body.get("void"):
            say_cut(fx, asked, f"void {n}")
        for position, _, what in leg.pieces:
            shown = shown or bool(position)
            _tell_again(fx, asked, position, what)
        if leg.outcome is None:
            was = leg.intent
            place = {name: getattr(was, name) for name in PLACE}
            body = {"intent": was.position, "pieces": []}
            leg.outcome = course.journal.add("outcome", body, **place, finish="error", fault="abandoned")
        fx.tally.add(leg.outcome, void=True)
    return shown


def _tell_again(fx: "Fx", asked: Asked, position: int, what: Any) -> Batch | tuple[Piece]:
    """One recorded piece: its event at its old position, and the chunk; none where it is a value that had grown."""
    if isinstance(what, str) or "value" in what:
        if position:
            fx.course.telling.put(Event(position, "token", shown(fx.course.trace, fx.path, what)))
        return (Text(what),) if isinstance(what, str) else ()
    chunk = from_row(what)
    if isinstance(chunk, Spliced | Restarted):
        say_turn(fx, asked, chunk)
    return (chunk,)


async def retold(fx: "Fx", asked: Asked, record: Record) -> AsyncGenerator[Sequence[Piece], None]:
    """A call out of the log: the same chunks, the same events, the same fault; no models, no purse."""
    course = fx.course
    if record.refusal is not None:
        fault = fault_of(record.refusal.body["refused"])
        if course.mode is Mode.BORROW:
            refused(fx, asked, fault)
        raise fault
    start = next(
        (n for n in range(len(record.legs) - 1, 0, -1) if record.legs[n].intent.body.get("fresh")), 0
    )
    borrowed = record.legs[start:] if course.mode is Mode.BORROW else None
    if borrowed is not None:
        async for pieces in _copied(fx, asked, borrowed):
            yield pieces
    else:
        for n, leg in enumerate(record.legs):
            if leg.intent.body.get("void"):
                say_cut(fx, asked, f"void {n}")
            fx.rung = leg.intent.model
            if leg.outcome is not None:
                # Before the pieces: a step that leaves early has had the leg all the same.
                fx.tally.add(leg.outcome, void=n < start)
            for position, _, what in leg.pieces:
                told = _tell_again(fx, asked, position, what)
                if n >= start and told:
                    yield told
    last = record.legs[-1].outcome
    if last is not None and "raised" in last.body:
        raise fault_of(last.body["raised"])
    if record.left and not record.over:
        course.absent(f"rest of an answer in step {fx.path}")


def _renumbered(what: Any, leg: int) -> Any:
    """A recorded piece as that of leg `leg`."""
    if isinstance(what, dict) and "restarted" in what:
        return {"restarted": leg}
    if isinstance(what, dict) and "spliced" in what:
        return {"spliced": [leg, what["spliced"][1]]}
    return what


async def _copied(fx: "Fx", asked: Asked, legs: list[Leg]) -> AsyncGenerator[Sequence[Piece], None]:
    """Another run's legs as this run's own: told at new positions, written at no cost, marked as borrowed."""
    journal, telling, path = fx.course.journal, fx.course.telling, fx.path
    assert journal is not None
    for number, (intent, outcome) in enumerate(((leg.intent, leg.outcome) for leg in legs), 1):
        assert outcome is not None
        place = {name: getattr(intent, name) for name in PLACE} | {"attempt": fx.attempt, "leg": number}
        asked_again = {"asked": asked.request.decode()} if number == 1 else {}
        kept = {name: intent.body[name] for name in ("why", "url")}
        sent = journal.add("intent", {**kept, **asked_again, "borrowed": intent.run}, **place).position
        pieces = []
        for _, ms, what in legs[number - 1].pieces:
            row = _renumbered(what, number)
            told = _tell_again(fx, asked, 0, row)
            seen = isinstance(what, str) or "value" in what
            pieces.append([telling.token(path, what) if seen else 0, ms, row])
            if told:
                yield told
        was = {"cost": outcome.cost, "usage": None if outcome.usage is None else usage_row(outcome.usage)}
        body = {
            **outcome.body,
            "at": [],
            "intent": sent,
            "pieces": pieces,
            "borrowed": intent.run,
            "was": was,
        }
        row = journal.add(
            "outcome", body, **place, response=outcome.response, cost=Micros(0), finish=outcome.finish,
            fault=outcome.fault, first_token_ms=outcome.first_token_ms, total_ms=outcome.total_ms,
        )  # fmt: skip
        fx.tally.add(row)
