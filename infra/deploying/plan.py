"""The steps of a deploy, in order, and what they will do, told beforehand."""

from collections.abc import Callable, Iterator, Sequence

from infra.deploying.checks import LOCK, MODAL, REACHED, STORES
from infra.deploying.journey import Journey, Step, travel
from infra.deploying.lock import Lock
from infra.deploying.migrating import MIGRATIONS
from infra.deploying.order import Order
from infra.deploying.past import Past, past
from infra.deploying.plane import Plane, Release, Seen, deploy_command
from infra.deploying.preflight import PREFLIGHT
from infra.deploying.proving import SMOKE
from infra.deploying.shipping import DEPLOY, rollback_to
from infra.deploying.stopped import Stopped
from shared.adapters.clock import SystemClock

STEPS: tuple[Step, ...] = (PREFLIGHT, STORES, MODAL, MIGRATIONS, DEPLOY, SMOKE)
"""Whatever else must hold before a release goes out, like an eval gate, is a step between MIGRATIONS and DEPLOY."""
SKIPPABLE = frozenset({PREFLIGHT.name, MIGRATIONS.name, SMOKE.name})
"""The others find out what the deploy itself stands on."""
_SHOWN = 10


def plan(order: Order) -> Iterator[str]:
    """What a deploy of this order will do, line by line."""
    deployment = order.deployment
    yield f"Deploy {order.revision.name} to {order.env}:"
    for number, step in enumerate(STEPS, start=1):
        skipped = " (skipped)" if step.name in order.wishes.skip else ""
        yield f"  {number}. {step.name}{skipped}: {step.plan}"
    yield f"  command: modal {' '.join(deploy_command(order.env, order.tag)[3:])}"
    yield f"  kept warm: {deployment.warm}; pool: {deployment.llama_gpu or 'none'}" + (
        f", {deployment.llama_model}" if deployment.llama_gpu else ""
    )
    yield f"  an idle month: {_floor(deployment.warm)} (chatsmart doctor --cost tells what of)"
    yield (
        "  where a step fails: modal app rollback to the version before, or modal app stop where there is none; "
        "migrations and written secrets stay"
    )


def _floor(warm: int) -> str:
    """What a month without a request costs, in words."""
    from infra.cost.month import month

    bill = month(0, (), SystemClock().now(), warm=warm)
    missing = f" and what has no price: {', '.join(bill.unpriced)}" if bill.unpriced else ""
    return f"{bill.known:.2f} dollars{missing}"


async def deploy(order: Order, say: Callable[[str], None]) -> None:
    """All of it. Raises Stopped."""
    await travel(_journey(order, say), STEPS)


def _journey(order: Order, say: Callable[[str], None]) -> Journey:
    return Journey(order, Plane(order), Lock(order.file.get("DATABASE_ADMIN_URL", ""), order.env), say)


async def roll_back(order: Order, say: Callable[[str], None], version: int = 0) -> None:
    """Let an earlier version run again; 0 is the last one that nobody went back from. Raises Stopped."""
    await travel(_journey(order, say), (REACHED, LOCK, rollback_to(version)))


async def status(order: Order) -> Iterator[str]:
    """What runs, and what ran before, newest first. Raises Stopped."""
    plane = Plane(order)
    seen = await plane.seen({}, pool=bool(order.deployment.llama_gpu))
    if order.env not in seen.environments:
        raise Stopped(f"The workspace has no environment '{order.env}': modal environment create {order.env}")
    return iter(_told(order, seen, await plane.history()))


def _told(order: Order, seen: Seen, history: Sequence[Release]) -> list[str]:
    if not history:
        return [f"{order.env}: nothing was ever deployed."]
    head = (
        f"{order.env}: v{history[0].version} runs." if seen.deployed else f"{order.env}: the App is stopped."
    )
    found = past(history)
    lines = [
        f"  v{one.version}  {one.tag or '(no tag)'}  {one.deployed}{_mark(one, found)}"
        for one in history[:_SHOWN]
    ]
    pool = [f"  pool at {seen.pool_url}"] if seen.pool_url else []
    return [head, *lines, *pool]


def _mark(one: Release, found: Past) -> str:
    """Whether it was a way back, and whether somebody went back from it."""
    back = found.backs.get(one.version, 0)
    words = [f"rollback to v{back}"] if back else []
    words += ["gone back from"] if one.version in found.left else []
    return f"  ({', '.join(words)})" if words else ""
