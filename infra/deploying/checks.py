"""What must be so before anything is changed: at Modal, and at the stores."""

import shlex
from collections.abc import Mapping, Sequence

import asyncpg

from infra.deploying import stores
from infra.deploying.journey import Journey, Step
from infra.deploying.order import GPU_SECRET, SECRET, Order
from infra.deploying.patience import LOST, patiently
from infra.deploying.plane import Seen
from infra.deploying.stopped import Stopped
from shared.config import REQUIRED


def wanted(order: Order) -> Mapping[str, Sequence[str]]:
    """The secrets that must be there, and the keys that each must have."""
    if not order.deployment.llama_gpu:
        return {SECRET: REQUIRED}
    return {SECRET: (*REQUIRED, "LLAMA_API_KEY"), GPU_SECRET: ("HF_TOKEN",)}


async def at_modal(journey: Journey) -> str:
    """Token, environment, secrets and what runs. Raises Stopped with the very command that mends it."""
    order, plane = journey.order, journey.plane
    seen = await plane.seen(wanted(order), pool=bool(order.deployment.llama_gpu))
    _there(order, seen)
    written = ""
    if order.wishes.write_secrets:
        await _write(journey)
        written = ", secrets written"
    elif lacking := lines(order, seen):
        raise Stopped("\n".join(lacking), code=2)
    history = await plane.history()
    journey.newest = history[0].version if history and seen.deployed else 0
    journey.before = history[0] if history and seen.deployed else None
    journey.pool_url = seen.pool_url
    runs = f"v{journey.before.version} ({journey.before.tag}) runs" if journey.before else "nothing runs yet"
    return f"environment {order.env}{written}, {runs}"


async def reached(journey: Journey) -> str:
    """Modal answers, and the environment is there: its own commands try on for long where it does not. Raises
    Stopped."""
    _there(journey.order, await journey.plane.seen({}, pool=False))
    return f"environment {journey.order.env}"


def _there(order: Order, seen: Seen) -> None:
    if order.env not in seen.environments:
        there = ", ".join(seen.environments) or "none"
        raise Stopped(
            f"The workspace has no environment '{order.env}' (it has: {there}).\n"
            f"  modal environment create {order.env}",
            code=2,
        )


def lines(order: Order, seen: Seen) -> list[str]:
    """What to say of secrets that are not there or lack keys; empty where all is well. No value is in it: the shell
    puts them in, from the file."""
    found: list[str] = []
    for name, keys in seen.missing.items():
        if keys is not None and not keys:
            continue
        values = _values(order, name)
        told = "is not there" if keys is None else f"lacks {', '.join(keys)}"
        found.append(f"The secret '{name}' {told} in the environment {order.env}.")
        required = wanted(order)[name]
        if unknown := [key for key in required if not values.get(key)]:
            found.append(f"  {order.path} has no {', '.join(unknown)} either: add it there first.")
        source = shlex.quote(str(order.path) if "/" in str(order.path) else f"./{order.path}")
        words = " ".join(f'{key}="${key}"' for key in sorted({*values, *required}))
        force = "" if keys is None else " --force"
        found.append(f"  (set -a; . {source}; modal secret create {name} {words} --env {order.env}{force})")
    if found:
        found.append(f"Or all of them at once: chatsmart deploy --env {order.env} --write-secrets")
    return found


def _values(order: Order, name: str) -> Mapping[str, str]:
    if name == GPU_SECRET:
        return {"HF_TOKEN": order.file.get("HF_TOKEN", "")} if order.file.get("HF_TOKEN") else {}
    return order.secret


async def _write(journey: Journey) -> None:
    """Set the secrets to what the file says: all of it, so that a key that is gone from the file is gone there too."""
    for name, required in wanted(journey.order).items():
        values = _values(journey.order, name)
        if lacking := [key for key in required if not values.get(key)]:
            raise Stopped(
                f"{journey.order.path} has no {', '.join(lacking)}: the secret '{name}' needs it.", code=2
            )
        await journey.plane.write_secret(name, values)
        journey.written.append(name)
        journey.say(f"  secret {name}: {', '.join(sorted(values))}")


async def _secrets_stay(journey: Journey) -> str:
    if not journey.written:
        return ""
    return (
        f"Secrets stay as they were written: {', '.join(journey.written)}; containers that run keep the ones they "
        "started with."
    )


async def at_stores(journey: Journey) -> str:
    """Both stores answer, and the lock is ours. Raises Stopped."""
    file = journey.order.file
    admin = file.get("DATABASE_ADMIN_URL", "")
    if not admin:
        raise Stopped(
            f"{journey.order.path} has no DATABASE_ADMIN_URL: migrations and the lock against a second deploy need it.",
            code=2,
        )
    version = await stores.postgres("DATABASE_ADMIN_URL", admin)
    if (whose := await stores.environment(admin)) not in ("", journey.order.env):
        raise Stopped(
            f"The database that {journey.order.path} names is that of {whose}, and --env says {journey.order.env}: "
            "one of them is wrong.",
            code=2,
        )
    await stores.postgres("DATABASE_URL", file.get("DATABASE_URL", ""), login=False)
    redis = await stores.redis(file.get("REDIS_URL", ""))
    if not journey.lock.held:
        try:
            await patiently(journey.lock.take, seconds=5)
        except LOST as error:
            raise Stopped(f"DATABASE_ADMIN_URL: the lock can't be taken: {error}.") from None
    return f"Postgres {version}, Redis {redis}"


async def locked(journey: Journey) -> str:
    """The lock, where the database is there to give it: a rollback must also go while it is not. Raises Stopped where
    another deploy has it."""
    try:
        await journey.lock.take()
    except (*LOST, ValueError, asyncpg.PostgresError):
        return "no database to take it in; see that nobody else deploys"
    return "taken"


LOCK = Step("lock", "keep a second deploy out", locked)
REACHED = Step("modal", "reach Modal", reached)
MODAL = Step(
    "modal",
    "ask Modal: the token, the environment, the secrets with their keys, what runs now",
    at_modal,
    _secrets_stay,
)
STORES = Step("stores", "reach Postgres and Redis; take the lock that keeps a second deploy out", at_stores)
