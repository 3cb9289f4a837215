"""`chatsmart up`: the embedded home, the simulated providers and the web app, started together and ended together.

The address is taken first, so that a busy one is told at once. Then three things go on side by side: the servers and
their migrations, the simulator, and the imports that serving needs. The end goes the other way: the web (open answers
get a second), the simulator, the servers. A signal during the start lets the step that is going on finish, then ends
what has started; a second signal waits for nothing but that.
"""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.listening import bind, shut, url
from infra.cli.named_stores import answering
from infra.cli.screen import put, say
from infra.cli.simulated import simulator
from infra.cli.target import KEY_FILE, SERVER_FILE, born, running
from infra.cli.trouble import Trouble
from shared.config import PROVIDERS, Settings

if TYPE_CHECKING:
    from infra.local import Home

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BRIEF = "How tea ceremonies differ between Japan, China and Korea"
_CURL = """curl -N {url}/v1/documents -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \
-d '{{"pipeline":"article","brief":"{brief}","stream":true}}'"""


@dataclass(frozen=True, slots=True)
class Running:
    """What is up, for telling."""

    url: str
    key: str
    settings: Settings

    def curl(self) -> str:
        """A line that works as it stands."""
        return _CURL.format(url=self.url, key=self.key, brief=BRIEF)


def up(*, as_json: bool) -> None:
    """Serve until told to stop. Raises Trouble or Fault where it can't start."""
    import uvloop

    settings = Settings.from_env()
    if settings.env == "production":
        raise Trouble(
            "`chatsmart up` embeds and simulates what is not set; production allows neither.", code=2
        )
    server = running(settings.home)
    if server is not None:
        raise Trouble(
            f"ChatSmart already runs on {settings.home}: {server.url}, process {server.pid}.\n"
            "Stop it with Ctrl-C there, or serve other data: CHATSMART_HOME=other CHATSMART_PORT=8001 chatsmart up"
        )
    sock = bind(settings.host, settings.port)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(settings, sock, as_json))
    finally:
        shut(sock)


async def _until_told(settings: Settings, sock: socket.socket, as_json: bool) -> None:
    stop = asyncio.Event()
    work = asyncio.create_task(_work(settings, sock, stop, as_json))

    def signalled() -> None:
        if stop.is_set():
            work.cancel()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, signalled)
    with suppress(asyncio.CancelledError):
        await work


async def _work(settings: Settings, sock: socket.socket, stop: asyncio.Event, as_json: bool) -> None:
    async with AsyncExitStack() as stack:
        await answering(settings)
        if stop.is_set():
            return
        if not as_json:
            say(_starting(settings))
        home, settings = await _grounds(settings, stack)
        if stop.is_set():
            return
        from infra.cli.serving import serving

        task = await stack.enter_async_context(serving(settings, sock))
        stack.enter_context(_note(settings.home, url(sock), _origin(settings)))
        _tell(Running(url(sock), home.key, settings), as_json)
        told = asyncio.create_task(stop.wait())
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not as_json:
            say("Stopping.")
        if not stop.is_set():
            task.result()
            raise Trouble("The web server ended by itself.")


async def _grounds(settings: Settings, stack: AsyncExitStack) -> "tuple[Home, Settings]":
    """Everything that the web app stands on, started side by side; the settings that name it."""
    providers = await stack.enter_async_context(simulator()) if settings.simulated else None
    # The imports take as long as the servers; a failure among them shows where the module is used.
    imports = asyncio.create_task(asyncio.to_thread(_import_web))
    from infra.local import home as local_home
    from infra.migrate import CannotMigrate

    try:
        home = await stack.enter_async_context(
            local_home(
                settings.home,
                database_url=settings.database_url,
                database_admin_url=settings.database_admin_url,
                redis_url=settings.redis_url,
            )
        )
    except CannotMigrate as error:
        raise Trouble(f"The migrations can't be applied: {error}") from None
    await imports
    if providers is not None:
        settings = settings.with_simulator(await providers.base())
    settings = settings.with_stores(
        database=home.database_url, redis=home.redis_url, admin=home.database_admin_url
    )
    return home, replace(settings, secret_key=settings.secret_key or home.secret_key)


def _import_web() -> None:
    import infra.cli.serving  # noqa: F401


def _origin(settings: Settings) -> str:
    """Where the simulated providers are; empty where all are real."""
    found = next((one.base_url for one in settings.upstreams.values() if one.simulated), "")
    return "/".join(found.split("/", 3)[:3])


@contextmanager
def _note(home: Path, address: str, simulator: str) -> Iterator[None]:
    """Word of this server for other commands on this machine; taken back at the end."""
    path = home / SERVER_FILE
    fresh = path.with_name(f"{SERVER_FILE}.{os.getpid()}")
    note = {"url": address, "pid": os.getpid(), "born": born(os.getpid()), "simulator": simulator}
    fresh.write_text(json.dumps(note), "utf-8")
    fresh.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _starting(settings: Settings) -> str:
    embedded = [
        name
        for name, given in (("Postgres", settings.database_url), ("Redis", settings.redis_url))
        if not given
    ]
    if not embedded:
        return "Starting …"
    first = "" if (settings.home / KEY_FILE).exists() else "; the first time takes a few seconds more"
    return f"Starting {' and '.join(embedded)} on {settings.home}{first} …"


def _tell(up: Running, as_json: bool) -> None:
    upstreams = up.settings.upstreams
    there = [name for name in PROVIDERS if name in upstreams]
    simulated = [name for name in there if upstreams[name].simulated]
    real = [name for name in there if name not in simulated]
    off = [name for name in PROVIDERS if name in up.settings.off]
    if as_json:
        named = {"simulated": simulated, "real": real, "off": off}
        put({"url": up.url, "key": up.key, **named, "curl": up.curl()})
        return
    lines = ["", "ChatSmart is up.", "", f"  workspace  {up.url}/", f"  API key    {up.key}"]
    if real:
        lines.append(f"  real       {', '.join(real)}")
    if simulated:
        lines.append(
            f"  simulated  {', '.join(simulated)} (set {simulated[0].upper()}_API_KEY and so on for real ones)"
        )
    if off:
        lines.append(f"  off        {', '.join(off)} (nobody asks their models)")
    lines += [
        f"  data       {up.settings.home} (`make clean` removes it)",
        "",
        up.curl(),
        "",
        "Ctrl-C stops everything.",
    ]
    print("\n".join(lines), flush=True)
