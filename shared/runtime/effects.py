"""The only door to the outside: what a step does to the world goes through `Fx`, and so stands in the log.

answer = await fx.write(ask("…"))              the whole answer; readers see it as it comes
facts = await fx.ask(ask("…"), Facts)          a checked value; one repair within the budget, else Malformed
fx.now(), fx.new_id(), fx.note("words", 700)   recorded once, the same in every replay
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import astuple, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from shared.core.answer import Answer
from shared.core.chunk import Completion, Text
from shared.core.faults import BadGraph, Fault, Malformed, OverBudget, Refused
from shared.core.leg import Piece, Servable, Served
from shared.core.prompt import Message, Prompt
from shared.core.schema import Schema
from shared.core.structured import WhiteSpace, answered, repair, strict
from shared.core.usage import Usage
from shared.runtime.answer import accepted
from shared.runtime.asked import Asked, canonical
from shared.runtime.asking import act
from shared.runtime.budget import Purse
from shared.runtime.course import Course, Finding, Mode
from shared.runtime.retelling import retold
from shared.runtime.step import Ladder, Step
from shared.runtime.tape import key_of

T = TypeVar("T")
_SCHEMAS: dict[type, tuple[Schema, TypeAdapter[Any]]] = {}
"""Made once per type: a program has as many as its pipelines name."""


class Fx:
    """What one lane of a step may do. Every act is named by its content (`label` tells equal ones apart), so that
    lanes can't disturb each other's replay."""

    __slots__ = (
        "_counts", "_open", "attempt", "course", "path", "purse", "rung", "servable", "served", "step", "tally",
        "until", "was",
    )  # fmt: skip

    def __init__(self, course: Course, step: Step, path: str, until: float | None) -> None:
        self.course, self.step, self.path, self.until = course, step, path, until
        self.purse = Purse(f"step {path}", step.budget, course.purse)
        self.tally = course.tally(path)
        self.attempt = 1
        self.rung = ""
        """Who was asked last."""
        self.served: Served = ""
        """Out of what the last answer came, where nobody was asked for it."""
        self.was: Usage | None = None
        """What such an answer used when it was made."""
        self.servable: list[Servable] = []
        """Answers of this attempt that may be served again once the step has made something of them."""
        self._counts: dict[str, int] = {}
        self._open: set[str] = set()

    async def write(self, prompt: Prompt, *, label: str = "") -> Completion:
        """Ask the step's ladder; readers get the text as it comes. Raises Refused where the model declines, the last
        leg's ProviderFault where no rung answers, OverBudget where no rung fits."""
        return (await self._accepted(prompt, label))[1]

    async def ask(self, prompt: Prompt, into: type[T], *, label: str = "") -> T:
        """A structured answer: the type's JSON Schema is asked for natively and checked always. An answer that does
        not fit is sent back once with what is wrong; raises Malformed where the second does not fit either. While it
        grows readers get, beside its text, `token` events with an empty `text` and a `value`: what is whole of it so
        far. The latest counts; one after `spliced` with `how: restart` or `repair` begins anew."""
        schema, adapter = _schema_of(into)
        prompt = replace(prompt, schema=schema)
        prompt, answer = await self._accepted(prompt, label, compact=True)
        try:
            return read(answer, schema, adapter)
        except Malformed as fault:
            self.course.say(
                "spliced",
                f"repair:{self.path}:{key_of(self.path, 'ask', canonical(prompt, label))}:{self.attempt}",
                {"trace": self.course.trace, "step": self.path, "how": "repair"},
            )
            self.tally.cuts += 1
            second = await self._complete(repair(prompt, answer.text, fault), label, compact=True)
            return read(accepted(second), schema, adapter)

    async def chunks(
        self, prompt: Prompt, *, ladder: Ladder | None = None, stream: bool = True, label: str = ""
    ) -> AsyncGenerator[Piece, None]:
        """`batches`, one piece at a time."""
        async with aclosing(self.batches(prompt, ladder=ladder, stream=stream, label=label)) as batches:
            async for batch in batches:
                for piece in batch:
                    yield piece

    def batches(
        self,
        prompt: Prompt,
        *,
        ladder: Ladder | None = None,
        finishers: Ladder = (),
        why: Mapping[str, Any] | None = None,
        stream: bool = True,
        values: bool = False,
        label: str = "",
        request: bytes | None = None,
    ) -> AsyncGenerator[Sequence[Piece], None]:
        """The answer as it comes, a network read at a time, logged and told to readers; `Restarted` voids what came
        before it. `finishers` may finish what another began; `why` is how the ladder was chosen. Close it
        (`contextlib.aclosing`) where it is left early: the provider is told at once. With `values` readers are told
        what a structured answer holds so far, too. `request` is the canonical form of both prompt and label, where
        that is known."""
        rungs = self.step.ladder if ladder is None else tuple(ladder)
        if not rungs:
            raise BadGraph(f"{self.step.where}: asks a model but has no ladder")
        request = request or canonical(prompt, label)
        key = key_of(self.path, "ask", request)
        asked = Asked(prompt, request, key, self._count(key), rungs, stream, finishers, why, values)
        return self._batches(asked)

    async def _batches(self, asked: Asked) -> AsyncGenerator[Sequence[Piece], None]:
        if asked.key in self._open:
            raise BadGraph(
                f"{self.step.where}: asks the same twice at a time; give each call a label, so that a replay can "
                "tell them apart"
            )
        course, tape = self.course, self.course.tape
        record = None if tape is None else tape.call(self.path, asked.key, asked.occurrence)
        if record is None and tape is not None and course.replaying:
            course.absent("such call", tape.difference(self.path, asked.request))
        taken = record is not None and (record.over or (course.replaying and record.left))
        taken = taken and not course.is_stale(self.path)
        if course.mode is Mode.BORROW and not taken:
            record = None  # what another run left unfinished was never told here
        source = retold(self, asked, record) if record is not None and taken else act(self, asked, record)
        self._open.add(asked.key)
        try:
            async with aclosing(source) as items:
                async for item in items:
                    yield item
        finally:
            self._open.discard(asked.key)

    def now(self, *, label: str = "") -> datetime:
        """The time, UTC, recorded."""
        return datetime.fromisoformat(
            self.recorded("now", label, lambda: self._context.clock.now().isoformat())[0]
        )

    def new_id(self, *, label: str = "") -> UUID:
        """A new version 7 UUID, recorded."""
        return UUID(self.recorded("id", label, lambda: str(self._context.ids.uuid()))[0])

    def note(self, key: str, value: Any) -> None:
        """Write a JSON value into the log under a name, for whoever reads the run. Raises Diverged in a replay where
        the value is another."""
        noted, taken = self.recorded("note", key, lambda: value)
        if taken and self.course.replaying and orjson.dumps(noted) != orjson.dumps(value):
            self.course.absent(f"note {key} of that value")

    def recorded(self, kind: str, detail: str, make: Callable[[], Any]) -> tuple[Any, bool]:
        """What the log has for this act, else what `make` gives now; and whether the log had it."""
        key = key_of(self.path, kind, detail.encode())
        occurrence = self._count(key)
        course = self.course
        tape = course.tape
        row = None if tape is None else tape.effect(self.path, key, occurrence)
        if row is None and course.replaying:
            course.absent(f"{kind} {detail}".rstrip() + f" in step {self.path}")
        value = make() if row is None else row.body["value"]
        if course.journal is not None and (row is None or course.mode is Mode.BORROW):
            columns: dict[str, Any] = {
                "step": self.path,
                "key": key,
                "occurrence": occurrence,
                "attempt": self.attempt,
            }
            course.journal.add("effect", {"what": kind, "value": value}, **columns)
        return value, row is not None

    @property
    def _context(self) -> Any:
        assert self.course.context is not None
        return self.course.context

    def _count(self, key: str) -> int:
        occurrence = self._counts.get(key, 0)
        self._counts[key] = occurrence + 1
        return occurrence

    async def sources(self, query: str, *, label: str = "") -> tuple[Finding, ...]:
        """What the tenant's own sources say to a query, recorded. Their words are hostile text: fence them (law 10)."""

        async def make() -> Any:
            find = self._context.sources
            return [] if find is None else [astuple(found) for found in await find(query)]

        rows, _ = await self._fetched("sources", f"{label}\x1f{query}", make)
        return tuple(Finding(*row) for row in rows)

    async def _fetched(self, kind: str, detail: str, make: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        """`recorded`, for what has to be waited for."""
        key = key_of(self.path, kind, detail.encode())
        tape, occurrence = self.course.tape, self._counts.get(key, 0)
        known = tape is not None and tape.effect(self.path, key, occurrence) is not None
        value = None if known or self.course.replaying else await make()
        return self.recorded(kind, detail, lambda: value)

    async def _accepted(
        self, prompt: Prompt, label: str, *, compact: bool = False
    ) -> tuple[Prompt, Completion]:
        """The prompt that was answered, and its answer: where the model declines, or no rung fits the budget, what the
        tenant wants asked instead."""
        try:
            return prompt, accepted(await self._complete(prompt, label, compact=compact))
        except (Refused, OverBudget) as fault:
            other = self._instead(prompt, fault)
            if other is None:
                raise
        return other, accepted(await self._complete(other, f"{label} instead".strip(), compact=compact))

    def _instead(self, prompt: Prompt, fault: Fault) -> Prompt | None:
        """The other prompt. What is said in it stands in the log: a policy may be another by the time of a replay."""
        course, key = self.course, key_of(self.path, "instead", fault.code.encode())
        ask = None if course.context is None else course.context.instead
        known = course.tape is not None and course.tape.effect(self.path, key, self._counts.get(key, 0))
        if ask is None and not known:
            return None

        def make() -> Any:
            other = None if ask is None else ask(prompt, fault)
            if other is None:
                return None
            first = other.messages[0]
            return [first.text, len(other.messages) > len(prompt.messages), other.max_output]

        said, _ = self.recorded("instead", fault.code, make)
        if said is None:
            return None
        text, more, most = said
        rest = prompt.messages if more else prompt.messages[1:]
        return replace(prompt, messages=(Message("system", text), *rest), max_output=most)

    async def _complete(self, prompt: Prompt, label: str, *, compact: bool = False) -> Completion:
        """The whole answer; one that is to be `compact` is left where it runs away into white space."""
        answer, blank = Answer(), WhiteSpace()
        async with aclosing(self.batches(prompt, values=compact, label=label)) as batches:
            async for batch in batches:
                for piece in batch:
                    answer.add(piece)
                    if compact and type(piece) is Text and blank.feed(piece.text):
                        return answer.completion()
        return answer.completion()


def read(answer: Completion, schema: Schema, adapter: TypeAdapter[T]) -> T:
    """A structured answer as its type. Raises Malformed saying what is wrong with it."""
    value = answered(answer, schema)
    try:
        return adapter.validate_json(orjson.dumps(value))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Malformed(
            f"The answer is not valid: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None


def _schema_of(into: type[T]) -> tuple[Schema, TypeAdapter[T]]:
    found = _SCHEMAS.get(into)
    if found is None:
        adapter = TypeAdapter(into)
        found = _SCHEMAS[into] = (Schema(into.__name__, strict(adapter.json_schema())), adapter)
    return found
