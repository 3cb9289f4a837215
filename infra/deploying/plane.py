"""Modal, by its own command: what `modal …` would do by hand, typed. Every call has a time limit."""

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.deploying.commands import Ran, run
from infra.deploying.order import APP, ROOT, Order, python
from infra.deploying.stopped import Stopped

LOOK_SECONDS = 45.0
DEPLOY_SECONDS = 1800.0
"""A first deploy builds the images; vLLM's takes minutes."""
ROLLBACK_SECONDS = 180.0
_URL = re.compile(r"https?://[^\s\x1b\"'<>]+")
_LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class Release:
    """A version at Modal."""

    version: int
    tag: str = ""
    deployed: str = ""
    """When, as Modal says it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there. `missing` holds each secret's keys that it lacks; None stands for a secret that is not there."""

    environments: tuple[str, ...] = ()
    missing: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    deployed: bool = False
    pool_url: str = ""


@dataclass(frozen=True, slots=True)
class Shipped:
    """What `modal deploy` printed of addresses."""

    web: str
    webhooks: str = ""
    pool: str = ""


@dataclass(frozen=True)
class Plane:
    """One environment of a workspace."""

    order: Order

    async def seen(self, secrets: Mapping[str, Sequence[str]], *, pool: bool) -> Seen:
        """Look at what the deploy stands on. Raises Stopped: no token, a refused one, nobody answers."""
        asked = {"environment": self.order.env, "app": APP, "secrets": dict(secrets), "pool": pool}
        ran = await run(
            python("-m", "infra.deploying.looking"),
            env=self.order.command_env(),
            cwd=ROOT,
            seconds=LOOK_SECONDS,
            stdin=json.dumps({**asked, "secrets": {name: list(keys) for name, keys in secrets.items()}}),
        )
        if ran.late:
            raise Stopped(f"Modal did not answer within {LOOK_SECONDS:.0f} seconds. Is the network up?")
        found = _last_object(ran)
        if "trouble" in found:
            raise Stopped(str(found["trouble"]))
        return Seen(
            environments=tuple(found["environments"]),
            missing={name: None if keys is None else tuple(keys) for name, keys in found["missing"].items()},
            deployed=found["deployed"],
            pool_url=found["pool_url"],
        )

    async def history(self) -> tuple[Release, ...]:
        """The versions, newest first; none where the App was never deployed. Raises Stopped."""
        ran = await self._modal("app", "history", APP, "--env", self.order.env, "--json")
        if ran.code != 0:
            if "No App with name" in ran.words:
                return ()
            raise Stopped(f"Modal does not tell what was deployed: {_said(ran)}")
        rows = json.loads(ran.out or "[]")
        return tuple(
            Release(int(row["version"].removeprefix("v")), row.get("tag") or "", row["time_deployed"] or "")
            for row in rows
        )

    async def deploy(self, *, llama_url: str = "") -> Shipped:
        """`modal deploy`: build what is not built, publish a version, let old containers finish. Raises Stopped with
        the last of what it printed."""
        ran = await run(
            deploy_command(self.order.env, self.order.tag),
            env=self.order.command_env(llama_url=llama_url),
            cwd=ROOT,
            seconds=DEPLOY_SECONDS,
        )
        if ran.late:
            raise Stopped(
                f"`modal deploy` was not done after {DEPLOY_SECONDS / 60:.0f} minutes.\n{last_lines(ran)}"
            )
        if ran.code != 0:
            raise Stopped(f"`modal deploy` failed:\n{last_lines(ran)}")
        return addresses(ran.words)

    async def fetch_weights(self) -> bool:
        """Have the pool's weights fetched, where they are not on its volume. Whether that could be asked for."""
        ran = await run(
            python("-m", "infra.deploying.fetching", APP, self.order.env),
            env=self.order.command_env(),
            cwd=ROOT,
            seconds=LOOK_SECONDS,
        )
        return ran.code == 0

    async def rollback(self, version: int) -> None:
        """Make an earlier version the one that runs, as a new version. Raises Stopped."""
        ran = await self._modal("app", "rollback", APP, f"v{version}", "--env", self.order.env)
        if ran.code != 0:
            raise Stopped(
                f"`modal app rollback {APP} v{version} --env {self.order.env}` failed: {_said(ran)}"
            )

    async def stop(self) -> None:
        """End the App and its containers. Raises Stopped."""
        ran = await self._modal("app", "stop", APP, "--yes", "--env", self.order.env)
        if ran.code != 0:
            raise Stopped(f"`modal app stop {APP} --env {self.order.env}` failed: {_said(ran)}")

    async def write_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Make a secret hold exactly these values. They go by a file that only its owner reads, for as long as it
        takes: arguments of a process can be seen by others. Raises Stopped."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "secret.json")
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(dict(values), file)
            ran = await self._modal(
                "secret", "create", name, "--from-json", path, "--force", "--env", self.order.env
            )
        if ran.code != 0:
            raise Stopped(f"The secret '{name}' could not be written: {_said(ran)}")

    async def _modal(self, *words: str) -> Ran:
        return await run(
            python("-m", "modal", *words),
            env=self.order.command_env(),
            cwd=ROOT,
            seconds=ROLLBACK_SECONDS,
        )


def deploy_command(env: str, tag: str) -> list[str]:
    """`modal deploy` of all of it, in one environment."""
    words = ("deploy", "-m", "infra.deploy", "--env", env, "--tag", tag, "--strategy", "rolling")
    return python("-m", "modal", *words)


def addresses(words: str) -> Shipped:
    """The addresses in what `modal deploy` printed. A method's follows its name, a server's the line that it was made.
    Raises Stopped where there is none for the web."""
    web = webhooks = pool = ""
    for before, line in _with_before(words):
        match = _URL.search(line)
        if match is None:
            continue
        url = match[0].rstrip("/")
        if "Webhooks" in line and not webhooks:
            webhooks = url
        elif "Web." in line and not web:
            web = url
        elif "Llama" in before and not pool:
            pool = url
    if not web:
        raise Stopped(f"`modal deploy` printed no address of the web:\n{words[-2000:]}")
    return Shipped(web, webhooks, pool)


def _with_before(words: str) -> list[tuple[str, str]]:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return list(zip(["", *lines], lines, strict=False))


def _last_object(ran: Ran) -> Any:
    lines = [line for line in ran.out.splitlines() if line.startswith("{")]
    if not lines:
        raise Stopped(f"Modal could not be asked:\n{last_lines(ran)}")
    return json.loads(lines[-1])


def last_lines(ran: Ran) -> str:
    lines = [line.rstrip() for line in ran.words.splitlines() if line.strip(" │╭╮╰╯─")]
    return "\n".join(lines[-_LAST_LINES:])


def _said(ran: Ran) -> str:
    """A failure's own words, on one line."""
    lines = [line.strip(" │╭╮╰╯─") for line in ran.words.splitlines()]
    told = [line for line in lines if line and line not in ("Error", "Traceback")]
    return " ".join(told[-3:]) or f"exit code {ran.code}"
