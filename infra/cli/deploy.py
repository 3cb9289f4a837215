"""`chatsmart deploy`: the settings file and the options to an order, and what stops it to a line for a person."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from infra.cli.screen import put, say
from infra.cli.trouble import Trouble
from infra.deploying import plan
from infra.deploying.first_key import first_key
from infra.deploying.order import ROOT, Order, Wishes, deployment, file_of
from infra.deploying.preflight import PREFLIGHT, dry
from infra.deploying.revision import Revision, found
from infra.deploying.stopped import Stopped

ENVIRONMENTS = ("staging", "production")


def deploy(
    env: str, file: Path | None, revision: str, wishes: Wishes, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Deploy, or tell what that would do. Raises Trouble."""
    if unknown := sorted(wishes.skip - plan.SKIPPABLE):
        raise Trouble(
            f"--skip {unknown[0]}: it may be {', '.join(sorted(plan.SKIPPABLE))}; the others find out what the deploy "
            "stands on.",
            code=2,
        )

    async def go() -> None:
        order = await _order(env, file, revision, wishes)
        if dry_run:
            if PREFLIGHT.name not in wishes.skip:
                await dry(order)
            for line in plan.plan(order):
                _tell(line, as_json)
            return
        if not yes:
            _confirmed(order)
        await plan.deploy(order, lambda line: _tell(line, as_json))

    _run(go(), env)


def rollback(env: str, file: Path | None, version: str, *, yes: bool, as_json: bool) -> None:
    """Let an earlier version run again. Raises Trouble."""
    number = version.strip().removeprefix("v")
    if number and not number.isdigit():
        raise Trouble(f"--to {version}: a version looks like v12 (chatsmart deploy status).", code=2)

    async def go() -> None:
        order = await _order(env, file, "", Wishes(allow_dirty=True), needed=False)
        if not yes:
            _ask(
                f"Roll {env} back to {'v' + number if number else 'the last version that nobody went back from'}?"
            )
        await plan.roll_back(order, lambda line: _tell(line, as_json), int(number or 0))

    _run(go(), env)


def status(env: str, file: Path | None, *, as_json: bool) -> None:
    """What runs. Raises Trouble."""

    async def go() -> None:
        order = await _order(env, file, "", Wishes(allow_dirty=True), needed=False)
        for line in await plan.status(order):
            _tell(line, as_json)

    _run(go(), env)


def key(env: str, file: Path | None, name: str, *, operator: bool, as_json: bool) -> None:
    """Make a tenant and print its first key. Raises Trouble."""

    async def go() -> None:
        _, values = file_of(env, file)
        tenant, secret = await first_key(values.get("DATABASE_URL", ""), name, operator=operator)
        if as_json:
            put({"tenant": tenant, "key": secret})
            return
        print(secret)
        say(f"The key of '{name}' (tenant {tenant}); it is not shown again.")

    _run(go(), env)


async def _order(env: str, file: Path | None, revision: str, wishes: Wishes, *, needed: bool = True) -> Order:
    if env not in ENVIRONMENTS:
        raise Stopped(f"--env {env}: it may be {' or '.join(ENVIRONMENTS)}.", code=2)
    if find_spec("modal") is None:
        raise Stopped("Modal's client is not installed here: make install", code=2)
    path, values = file_of(env, file, needed=needed)
    environ = dict(os.environ)
    told = deployment(env, values, path)
    wanted = revision or (told.revision if needed else "")
    at: Revision = await found(ROOT, environ, wanted, allow_dirty=wishes.allow_dirty)
    return Order(told, at, values, path, environ, wishes)


def _confirmed(order: Order) -> None:
    for line in plan.plan(order):
        say(line)
    _ask(f"Deploy {order.revision.name} to {order.env}?")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise Stopped("Nobody is there to say yes: pass --yes.", code=2)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Stopped("Nothing was done.", code=1)


def _run(work: Coroutine[Any, Any, None], env: str) -> None:
    """Raises Trouble for what stopped it. Whoever ends us with SIGTERM (a CI job that is cancelled) means Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        asyncio.run(work)
    except Stopped as stopped:
        raise Trouble(str(stopped), code=stopped.code) from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise Trouble(
            f"Left as it stands. What runs now: chatsmart deploy status --env {env}", code=130
        ) from None


def _tell(line: str, as_json: bool) -> None:
    if as_json:
        put({"said": line})
    else:
        print(line, flush=True)
