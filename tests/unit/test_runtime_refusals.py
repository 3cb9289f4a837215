"""What can't be imported as a graph, each refused in one line that says where, what and what was probably meant."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import BaseModel

from shared.core.faults import BadBrief, BadGraph
from shared.models.catalogue import FLASH, GPT_LUNA, GPT_TERRA, SONAR, SONNET
from shared.runtime.budget import Budget
from shared.runtime.edges import All, Each, Maybe, Skip
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.step import Retry, step

LADDER = (SONNET, FLASH)
MONEY = Budget(micros=1000, tokens=1000, seconds=10)
HERE = "tests/unit/test_runtime_refusals.py:N"


@dataclass(frozen=True)
class A:
    """Given."""

    n: int = 0


@dataclass(frozen=True)
class B:
    """A value between."""

    n: int = 0


@dataclass(frozen=True)
class C:
    """The goal."""

    n: int = 0


@dataclass
class Loose:
    """Not frozen."""

    n: int = 0


class Thawed(BaseModel):
    """A pydantic model that is not frozen."""

    n: int = 0


@dataclass(frozen=True)
class Opaque:
    """No JSON Schema."""

    act: Callable[[], None]


@step()
def a_to_b(a: A) -> B:
    """Pure."""
    return B(a.n)


@step()
def b_to_c(b: B) -> C:
    """Pure."""
    return C(b.n)


def graph(*steps: Any, **how: Any) -> Graph[A, C]:
    """A graph from A to C."""
    parts: dict[str, Any] = {"given": A, "steps": steps, "goal": C} | how
    return Graph("g", **parts)


def unannotated() -> None:
    @step()
    def f(a) -> B:  # type: ignore[no-untyped-def]
        return B(a.n)


def no_return() -> None:
    @step()
    def f(a: A):  # type: ignore[no-untyped-def]
        return B(a.n)


def unknown_name() -> None:
    @step()
    def f(a: "Nowhere") -> B:  # type: ignore[name-defined]  # noqa: F821
        return B(0)


def sync_with_fx() -> None:
    @step()
    def f(fx: Fx, a: A) -> B:
        return B(a.n)


def async_without_fx() -> None:
    @step()
    async def f(a: A) -> B:
        return B(a.n)


def bare_text() -> None:
    @step()
    def f(a: A) -> str:
        return ""


def loose() -> None:
    @step()
    def f(a: Loose) -> B:
        return B(a.n)


def thawed() -> None:
    @step()
    def f(a: Thawed) -> B:
        return B(a.n)


def opaque() -> None:
    @step()
    def f(a: Opaque) -> B:
        return B(0)


def no_ladder() -> None:
    @step()
    async def f(fx: Fx, a: A) -> B:
        await fx.write(None)  # type: ignore[arg-type]
        return B(a.n)


def pure_with_ladder() -> None:
    @step(ladder=LADDER, budget=MONEY)
    def f(a: A) -> B:
        return B(a.n)


def no_spec() -> None:
    @step(ladder=("gpt", FLASH), budget=MONEY)  # type: ignore[arg-type]
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def no_money() -> None:
    @step(ladder=LADDER, budget=Budget(tokens=10))
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def one_provider() -> None:
    @step(ladder=(GPT_LUNA, GPT_TERRA), budget=MONEY)
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def no_schema() -> None:
    @step(ladder=(replace(SONAR, schema=False), FLASH), budget=MONEY)
    async def f(fx: Fx, a: A) -> B:
        return await fx.ask(None, B)  # type: ignore[arg-type]


def no_search() -> None:
    @step(ladder=(SONAR, FLASH), budget=MONEY, needs=("searches",))
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def small_window() -> None:
    @step(ladder=(SONAR, FLASH), budget=MONEY, window=500_000)
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def no_width() -> None:
    @step()
    def f(a: A, b: Each[B]) -> C:
        return C(b.n)


def width_for_nothing() -> None:
    @step(width=3)
    def f(a: A) -> B:
        return B(a.n)


def two_each() -> None:
    @step(width=3)
    def f(a: Each[A], b: Each[B]) -> C:
        return C(b.n)


def many_of_many() -> None:
    @step(width=3)
    def f(a: Each[A]) -> tuple[B, ...]:
        return ()


def no_attempt() -> None:
    @step(retry=Retry(attempts=0))
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def waits_too_long() -> None:
    @step(retry=Retry(attempts=9, first=4.0), budget=Budget(seconds=20))
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def other_otherwise() -> None:
    def instead(b: B) -> B:
        return b

    @step(otherwise=instead)
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)


def acting_otherwise() -> None:
    async def instead(fx: Fx, a: A) -> B:
        return B(a.n)

    @step(otherwise=instead)
    def f(a: A) -> B:
        return B(a.n)


def no_step() -> None:
    graph(len, a_to_b, b_to_c)


def same_name() -> None:
    graph(a_to_b, b_to_c, b_to_c)


def two_producers() -> None:
    @step()
    def again(a: A) -> B:
        return B(a.n)

    graph(a_to_b, again, b_to_c)


def gives_the_given() -> None:
    @step()
    def back(b: B) -> A:
        return A(b.n)

    graph(a_to_b, back, b_to_c)


def no_producer() -> None:
    graph(b_to_c)


def needs_many() -> None:
    @step()
    def f(every: All[B]) -> C:
        return C(len(every))

    graph(a_to_b, f)


def needs_one() -> None:
    @step()
    def some(a: A) -> tuple[B, ...]:
        return (B(a.n),)

    graph(some, b_to_c)


def no_goal() -> None:
    graph(a_to_b)


def cycle() -> None:
    @step()
    def ahead(c: C) -> B:
        return B(c.n)

    graph(ahead, b_to_c)


def aside() -> None:
    @step()
    def unused(a: A) -> Loop:
        return Loop(a.n)

    graph(a_to_b, unused, b_to_c)


@dataclass(frozen=True)
class Loop:
    """Nobody wants it."""

    n: int = 0


@step()
def may_skip(a: A) -> B | Skip:
    """Gives B, or nothing."""
    return Skip()


def skipped_need() -> None:
    graph(may_skip, b_to_c)


def needless_maybe() -> None:
    @step()
    def f(b: Maybe[B]) -> C:
        return C(0)

    graph(a_to_b, f)


def skipped_goal() -> None:
    @step()
    def f(a: A) -> C | Skip:
        return Skip()

    graph(f)


def dear() -> None:
    @step(ladder=LADDER, budget=Budget(micros=5000, tokens=100_000, seconds=10))
    async def f(fx: Fx, a: A) -> C:
        return C(a.n)

    graph(f, cap=Budget(micros=4000))


def slow() -> None:
    @step(ladder=LADDER, budget=MONEY)
    async def f(fx: Fx, a: A) -> B:
        return B(a.n)

    @step(ladder=LADDER, budget=MONEY)
    async def g(fx: Fx, b: B) -> C:
        return C(b.n)

    graph(f, g, cap=Budget(seconds=15))


WRAP = "wrap it in one that says what it means (two strings are Notes and Draft)"
GOLDEN = [
    (unannotated, f"f ({HERE}): parameter 'a' has no annotation; edges are types"),
    (no_return, f"f ({HERE}): its return type has no annotation; edges are types"),
    (unknown_name, f"f ({HERE}): an annotation can't be read: name 'Nowhere' is not defined"),
    (sync_with_fx, f"f ({HERE}): takes fx and so must be `async def`"),
    (async_without_fx, f"f ({HERE}): is async but takes no fx; pure steps are plain `def`"),
    (
        bare_text,
        f"f ({HERE}): its return has type str, which is no frozen pydantic model or frozen dataclass; {WRAP}",
    ),
    (
        loose,
        f"f ({HERE}): parameter 'a' has type Loose, which is no frozen pydantic model or frozen dataclass; {WRAP}",
    ),
    (
        thawed,
        f"f ({HERE}): parameter 'a' has type Thawed, which is no frozen pydantic model or frozen dataclass; {WRAP}",
    ),
    (
        opaque,
        f"f ({HERE}): parameter 'a' has type Opaque, which has no JSON Schema: Cannot generate a JsonSchema for "
        "core_schema.CallableSchema",
    ),
    (no_ladder, f"f ({HERE}): calls fx.write but has no ladder"),
    (pure_with_ladder, f"f ({HERE}): has a ladder but takes no fx, so it can't ask a model"),
    (no_spec, f"f ({HERE}): its ladder holds 'gpt', which is no ModelSpec and so has no price"),
    (
        no_money,
        f"f ({HERE}): asks models but its budget names no micros; without a price limit there is no quote",
    ),
    (one_provider, f"f ({HERE}): all its rungs are served by openai; add another provider, or say lone=True"),
    (no_schema, f"f ({HERE}): its rung sonar can't do what the step needs: schema"),
    (no_search, f"f ({HERE}): its rung gemini-3.8-flash can't do what the step needs: searches"),
    (small_window, f"f ({HERE}): its rung sonar reads 128000 tokens, the step needs 500000"),
    (no_width, f"f ({HERE}): takes Each but names no width"),
    (width_for_nothing, f"f ({HERE}): names a width but takes no Each"),
    (two_each, f"f ({HERE}): takes two Each parameters; join them into one type first"),
    (many_of_many, f"f ({HERE}): takes Each and gives tuple[B, ...]; a lane gives one value"),
    (no_attempt, f"f ({HERE}): retries with 0 attempts; 1 is the least"),
    (waits_too_long, f"f ({HERE}): the waits between its 9 attempts alone take its 20 seconds"),
    (other_otherwise, f"f ({HERE}): otherwise=instead must have the types (A) -> B"),
    (acting_otherwise, f"f ({HERE}): is pure, so otherwise=instead must be pure too"),
    (no_step, "graph g: 'len' is no step; add @step()"),
    (same_name, f"b_to_c ({HERE}): graph g has two steps of this name"),
    (
        two_producers,
        f"again ({HERE}): gives B, which comes from a_to_b ({HERE}) already; each type has one producer",
    ),
    (gives_the_given, f"back ({HERE}): gives A, which is given to the graph; each type has one producer"),
    (no_producer, f"b_to_c ({HERE}): parameter 'b' needs B, which no step gives; nearest is C from b_to_c"),
    (
        needs_many,
        f"f ({HERE}): parameter 'every' needs tuple[B, ...], which no step gives; nearest is B from a_to_b "
        "(a step with Each gives a tuple)",
    ),
    (
        needs_one,
        f"b_to_c ({HERE}): parameter 'b' needs B, which no step gives; nearest is tuple[B, ...] from some "
        "(take Each or All of it)",
    ),
    (no_goal, "graph g: no step gives its goal C; nearest is B from a_to_b"),
    (cycle, f"ahead ({HERE}): stands in a cycle of graph g: ahead -> b_to_c -> ahead"),
    (aside, f"unused ({HERE}): gives Loop, on which the goal C does not depend"),
    (skipped_need, f"b_to_c ({HERE}): parameter 'b' needs B, but may_skip may skip; take Maybe[B]"),
    (needless_maybe, f"f ({HERE}): parameter 'b' is Maybe[B], but a_to_b never skips"),
    (skipped_goal, f"f ({HERE}): may skip, but gives the goal C"),
    (
        dear,
        "graph g: its worst case (5000 micros, 100000 tokens, 10 seconds) is over its cap "
        "(4000 micros, any tokens, any time)",
    ),
    (
        slow,
        "graph g: its worst case (2000 micros, 2000 tokens, 20 seconds) is over its cap "
        "(any money, any tokens, 15 seconds)",
    ),
]


@pytest.mark.parametrize(("broken", "said"), GOLDEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_graph_is_refused_in_one_line(broken: Callable[[], None], said: str) -> None:
    """The line names the step, its file and line, the type and the nearest candidate."""
    with pytest.raises(BadGraph) as caught:
        broken()
    assert re.sub(r"\.py:\d+", ".py:N", caught.value.message) == said


def test_a_sound_graph_is_planned() -> None:
    """Steps run in an order that their types allow, whatever order they were declared in."""
    assert graph(b_to_c, a_to_b).order == ("a_to_b", "b_to_c")


def test_a_step_stays_a_function() -> None:
    """A declared step is called like any other."""
    assert a_to_b(A(3)) == B(3)


def test_a_quote_is_for_the_right_value() -> None:
    """A value of another type is the caller's mistake."""
    with pytest.raises(BadBrief, match="g is given A, not B"):
        graph(a_to_b, b_to_c).quote(B())  # type: ignore[arg-type]


def test_the_version_is_of_the_data() -> None:
    """Equal declarations have equal versions; another ladder, budget or type is another version."""

    def made(**how: Any) -> Graph[A, C]:
        policy: dict[str, Any] = {"ladder": LADDER, "budget": MONEY} | how

        @step(**policy)
        async def f(fx: Fx, a: A) -> C:
            return C(a.n)

        return graph(f)

    assert made().version == made().version
    versions = {
        made().version,
        made(ladder=LADDER[::-1]).version,
        made(budget=Budget(micros=900, tokens=1000, seconds=10)).version,
        made(retry=Retry(attempts=2)).version,
    }
    assert len(versions) == 4
