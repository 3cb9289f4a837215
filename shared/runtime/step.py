"""A step is a function: its parameter types are the incoming edges, its return type the outgoing one (design law 1).

    @step(ladder=(SONNET, FLASH), budget=Budget(micros=120_000, tokens=60_000, seconds=90), retry=Retry(attempts=2))
    async def draft(fx: Fx, brief: Brief, notes: Notes) -> Draft: ...

Without `fx` a step is pure: synchronous, always run again, never logged. With `fx` it is async and acts through `fx`
alone. `Each[T]` runs the step once per element, `All[T]` takes the results in input order, `Maybe[T]` takes None where
the step before gave a `Skip`. The function itself is left as it is: a test calls it like any other.
"""

import inspect
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter

from shared.core.frozen import quick
from shared.core.model_spec import ModelSpec
from shared.core.need import Need
from shared.runtime.budget import ANY, Budget
from shared.runtime.edges import Skip, Slot, doors, refuse, signature

F = TypeVar("F", bound=Callable[..., Any])
Ladder = tuple[ModelSpec, ...]
"""Models in the order in which they are asked; the first that answers serves."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried, and the seconds between: doubling from `first` up to `most`, times 0.5 to 1.5."""

    attempts: int = 1
    first: float = 0.5
    most: float = 8.0

    def delay(self, attempt: int, draw: float, retry_after: float | None) -> float:
        """Seconds to wait after attempt `attempt` (from 1), `draw` in [0, 1); never less than the provider asks."""
        wait = min(self.most, self.first * 2.0 ** (attempt - 1)) * (0.5 + draw)
        return max(wait, retry_after or 0.0)

    def waiting(self) -> float:
        """The least seconds that all the waits together take."""
        return sum(min(self.most, self.first * 2.0**n) * 0.5 for n in range(self.attempts - 1))


@quick
@dataclass(frozen=True, slots=True)
class Step:
    """A step as the graph sees it. `window` is the most tokens, prompt and answer, of its largest call."""

    name: str
    function: Callable[..., Any]
    where: str
    takes: tuple[tuple[str, Slot], ...]
    gives: Slot
    acts: bool
    skips: bool
    ladder: Ladder
    budget: Budget
    retry: Retry
    otherwise: Callable[..., Any] | None
    otherwise_acts: bool
    needs: frozenset[str]
    window: int
    lone: bool
    width: int
    adapter: TypeAdapter[Any]

    each: int | None
    """The index of the parameter that fans out."""
    first: str
    """The model that is asked first; empty where none is."""
    need: Need | None = None
    """What routing puts the rungs in order by; None leaves them as they stand."""


def step(  # noqa: PLR0913  # a declaration: every part by name
    *,
    ladder: Ladder = (),
    budget: Budget = ANY,
    retry: Retry = Retry(),
    otherwise: Callable[..., Any] | None = None,
    needs: tuple[Literal["schema", "tools", "images", "searches"], ...] = (),
    window: int = 0,
    lone: bool = False,
    width: int = 0,
    need: Need | None = None,
) -> Callable[[F], F]:
    """Declare a function as a step. Raises BadGraph in one line that names the step, its file and what is wrong.

    `budget` is for the whole step, all attempts of one lane together, and binding: the purse refuses what would pass
    it, then steps down the ladder, then calls `otherwise` (same types, with or without `fx`). `needs` says what every
    rung must be able to do (`schema` is implied by `fx.ask`), `need` lets routing put the rungs in order, `lone` that
    one provider is enough, `width` the most elements that an `Each` parameter may bring.
    """

    def declare(function: F) -> F:
        where = f"{function.__name__} ({function.__module__.replace('.', '/')}.py:{function.__code__.co_firstlineno})"
        acts, takes, gives, skips = signature(function, where)
        called = doors(function) if acts else frozenset()
        found = Step(
            function.__name__, function, where, takes, gives, acts, skips, tuple(ladder), budget, retry, otherwise,
            otherwise is not None and inspect.iscoroutinefunction(otherwise),
            frozenset(needs) | ({"schema"} if "ask" in called else frozenset()),
            window, lone, width, _adapter(gives, skips),
            next((n for n, (_, slot) in enumerate(takes) if slot.shape == "each"), None),
            ladder[0].name if ladder and isinstance(ladder[0], ModelSpec) else "",
            need,
        )  # fmt: skip
        check(found, called)
        function.__step__ = found  # type: ignore[attr-defined]
        return function

    return declare


def step_of(function: object) -> Step | None:
    """What `step` declared of a function; None where it did not."""
    found = getattr(function, "__step__", None)
    return found if isinstance(found, Step) else None


def _adapter(gives: Slot, skips: bool) -> TypeAdapter[Any]:
    shape: Any = tuple.__class_getitem__((gives.type, ...)) if gives.shape == "many" else gives.type
    return TypeAdapter(shape | Skip if skips else shape)


def check(found: Step, called: Set[str] = frozenset()) -> None:
    """What a step can be refused for by itself; `called` are the doors of fx that it names. Raises BadGraph."""
    where = found.where
    _check_ladder(found, called)
    if (found.each is None) != (found.width == 0):
        raise refuse(
            where, "takes Each but names no width" if found.width == 0 else "names a width but takes no Each"
        )
    if sum(slot.shape == "each" for _, slot in found.takes) > 1:
        raise refuse(where, "takes two Each parameters; join them into one type first")
    if found.each is not None and found.gives.shape == "many":
        raise refuse(where, f"takes Each and gives {found.gives}; a lane gives one value")
    if found.retry.attempts < 1:
        raise refuse(where, f"retries with {found.retry.attempts} attempts; 1 is the least")
    seconds = found.budget.seconds
    if seconds is not None and found.retry.waiting() >= seconds:
        raise refuse(
            where, f"the waits between its {found.retry.attempts} attempts alone take its {seconds:g} seconds"
        )
    if found.otherwise is not None:
        _check_otherwise(found, found.otherwise)


def _check_ladder(found: Step, called: Set[str]) -> None:
    where = found.where
    for rung in found.ladder:
        if not isinstance(rung, ModelSpec):
            raise refuse(where, f"its ladder holds {rung!r}, which is no ModelSpec and so has no price")
        _check_rung(found, rung)
    if found.ladder and not found.acts:
        raise refuse(where, "has a ladder but takes no fx, so it can't ask a model")
    if called and not found.ladder:
        raise refuse(where, f"calls fx.{min(called)} but has no ladder")
    if found.ladder and found.budget.micros is None:
        raise refuse(
            where, "asks models but its budget names no micros; without a price limit there is no quote"
        )
    if len({rung.provider for rung in found.ladder}) == 1 and not found.lone:
        only = found.ladder[0].provider
        raise refuse(where, f"all its rungs are served by {only}; add another provider, or say lone=True")


def _check_rung(found: Step, rung: ModelSpec) -> None:
    lacks = sorted(need for need in found.needs if not getattr(rung, need))
    if lacks:
        raise refuse(found.where, f"its rung {rung.name} can't do what the step needs: {', '.join(lacks)}")
    if found.window > rung.window:
        raise refuse(
            found.where, f"its rung {rung.name} reads {rung.window} tokens, the step needs {found.window}"
        )


def _check_otherwise(found: Step, other: Callable[..., Any]) -> None:
    name = getattr(other, "__name__", repr(other))
    acts, takes, gives, skips = signature(other, f"otherwise={name} of {found.where}")
    mine = [_of_a_lane(slot) for _, slot in found.takes]
    if acts and not found.acts:
        raise refuse(found.where, f"is pure, so otherwise={name} must be pure too")
    if [_of_a_lane(slot) for _, slot in takes] != mine or gives != found.gives or (skips and not found.skips):
        wanted = f"({', '.join(map(str, mine))}) -> {found.gives}"
        raise refuse(found.where, f"otherwise={name} must have the types {wanted}")


def _of_a_lane(slot: Slot) -> Slot:
    """What one lane gets of a parameter: of many, each."""
    return replace(slot, shape="one") if slot.shape == "each" else slot
