"""One call to the models: paid for, logged leg by leg, told to readers (design laws 2 and 3)."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.core.faults import Fault, OverBudget, ProviderFault, TimedOut
from shared.core.ids import span_of
from shared.core.leg import (
    Caching,
    Call,
    LegEnded,
    LegItem,
    LegStarted,
    Piece,
    Restarted,
    Servable,
    Served,
    Spliced,
)
from shared.ports.models import Models
from shared.runtime.asked import Asked, tokens_at_most, worst_cases
from shared.runtime.budget import Hold
from shared.runtime.checked import passed
from shared.runtime.journal import shielded
from shared.runtime.retelling import refused
from shared.runtime.step import Ladder
from shared.runtime.talk import Talk
from shared.runtime.tape import Record

if TYPE_CHECKING:
    from shared.runtime.effects import Fx

DEADLINE = 120.0
"""Seconds for a call, all its legs together, where the step's budget leaves more or names none."""


async def act(fx: "Fx", asked: Asked, record: Record | None) -> AsyncGenerator[Sequence[Piece], None]:
    """Ask the models. `record` is what an earlier process of this run left of the same call: it is told again, then
    void."""
    context = fx.course.context
    assert context is not None
    hold, call = _prepared(fx, asked)
    talk = Talk(fx, asked, record)
    telling = fx.course.telling
    source = context.models.stream(call)
    if context.check is not None:
        source = passed(source, context.check)
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
                    if context.admit is not None:
                        await _admitted(fx, context.admit, item)
                    await talk.open(item)
                case LegEnded():
                    talk.close(item, hold)
                case Spliced() | Restarted():
                    yield (talk.turn(item),)
                case Servable():
                    fx.servable.append(item)
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


async def _admitted(fx: "Fx", admit: Callable[[Served], Awaitable[None]], leg: LegStarted) -> None:
    """Whoever is not let through at first leaves no trace: a flood of refusals must not fill the log."""
    journal = fx.course.journal
    try:
        await admit(leg.served)
    except BaseException:
        fx.course.refused = journal is not None and journal.untouched
        raise


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
        asked.why, course.context.hedge, _caching(fx, asked), course.run,
    )  # fmt: skip


def _caching(fx: "Fx", asked: Asked) -> Caching | None:
    """What the run says of the cache, with the name of this call. A second attempt is asked anew: the first one's
    answer was of no use."""
    course = fx.course
    assert course.context is not None
    caching, plan = course.context.caching, course.plan
    if caching is None:
        return None
    choice = caching.choice or "|".join(spec.name for spec in asked.ladder)
    step = "" if plan.solo else f"{plan.graph}@{plan.version}/{fx.path.partition('[')[0]}"
    refresh = caching.refresh or fx.attempt > 1
    return replace(caching, choice=choice, template=caching.template or step, refresh=refresh)


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
