"""A deploy as it goes on: what has been found and done so far, and the steps that it is made of."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from infra.deploying.lock import Lock
from infra.deploying.order import Order
from infra.deploying.plane import Plane, Release, Shipped
from infra.deploying.stopped import Stopped


@dataclass
class Journey:
    """What the steps find out for those after them. `say` tells a person a line."""

    order: Order
    plane: Plane
    lock: Lock
    say: Callable[[str], None]
    before: Release | None = None
    """The version that ran when we came; None where none did."""
    newest: int = 0
    """The number of the version that ran when we came; 0 where none did."""
    pool_url: str = ""
    """Where the pool answers, as far as is known."""
    shipped: Shipped | None = None
    published: bool = False
    """Whether a new version is out: set before the deploy is begun, since it may get through
    while we are told to stop."""
    written: list[str] = field(default_factory=list)
    """The secrets that we set."""
    applied: list[str] = field(default_factory=list)
    """The migrations that we applied."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `do` gives a line on what it found or did; `undo`, for one that changed something, a line on what it
    took back or left. `plan` says beforehand what `do` will do."""

    name: str
    plan: str
    do: Callable[[Journey], Awaitable[str]]
    undo: Callable[[Journey], Awaitable[str]] | None = None


async def travel(journey: Journey, steps: Sequence[Step]) -> None:
    """Take the steps. Where one fails, or we are told to stop, those that were begun are undone, last first, and
    Stopped says why, what was undone and what stands."""
    begun: list[Step] = []
    try:
        for step in steps:
            if step.name in journey.order.wishes.skip:
                journey.say(f"· {step.name}: skipped")
                continue
            await journey.lock.sure()
            begun.append(step)
            since = time.monotonic()
            found = await step.do(journey)
            journey.say(f"✓ {step.name}: {found} ({time.monotonic() - since:.1f} s)")
    except Stopped as stopped:
        raise await _back(journey, begun, str(stopped), stopped.code) from None
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None:
            task.uncancel()  # going back takes time limits of its own, which look at this count
        journey.say("Told to stop. Going back; a second Ctrl-C leaves everything as it stands.")
        raise await _back(journey, begun, "Stopped on your order.", 130) from None
    except Exception as error:
        raise await _back(journey, begun, f"{type(error).__name__}: {error}", 1) from error
    finally:
        await journey.lock.free()


async def _back(journey: Journey, begun: Sequence[Step], why: str, code: int) -> Stopped:
    name = begun[-1].name if begun else "lock"
    lines = [f"✗ {name}: {why}"]
    for step in reversed(begun):
        if step.undo is None:
            continue
        try:
            line = await step.undo(journey)
        except Exception as error:  # noqa: BLE001  # whatever it was, the other steps must be undone too
            line = f"{step.name} could not be undone: {error}"
        if line:
            lines.append(f"  {line}")
    return Stopped("\n".join(lines), code=code)
