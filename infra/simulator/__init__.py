"""Simulated providers on loopback: every wire format that ChatSmart speaks, with scripted latency and faults.

Everything it says is labelled: the header `x-simulated: true`, ids that begin with `sim` after their prefix,
and `simulated` in the system fingerprint. It needs no key but refuses a missing one, and the key `bad`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from infra.simulator.calls import Call
from infra.simulator.catalogue import BASE_PATHS, PROVIDERS
from infra.simulator.faults import Fault, Rule
from infra.simulator.server import Server
from infra.simulator.stream import Pace

__all__ = ["PROVIDERS", "Call", "Fault", "Pace", "Rule", "Simulator", "start"]

_GRACE_SECONDS = 0.2


class Simulator:
    """A running simulator in this process."""

    def __init__(self, server: Server, host: str, port: int) -> None:
        self.origin = f"http://{host}:{port}"
        self.port = port
        self._server = server

    def url(self, provider: str) -> str:
        """The base URL that an adapter of this provider is configured with."""
        return self.origin + BASE_PATHS[provider]

    def plan(
        self,
        fault: Fault | str,
        provider: str = "*",
        *,
        model: str | None = None,
        match: str | None = None,
        times: int | None = 1,
    ) -> Rule:
        """Lets the next `times` matching calls (all where None) meet a fault; a name stands for its plain
        fault."""
        played = Fault(fault) if isinstance(fault, str) else fault
        return self._server.plan.add(played, provider=provider, model=model, match=match, times=times)

    def calls(self, provider: str | None = None) -> tuple[Call, ...]:
        """The calls seen, oldest first."""
        return tuple(call for call in self._server.calls.rows() if provider in {None, call.provider})

    def clear(self) -> None:
        """Forgets plan, calls, cached prompts and kept responses."""
        self._server.plan.clear()
        self._server.calls.clear()
        self._server.exchanges.clear()


@asynccontextmanager
async def start(
    port: int = 0, *, host: str = "127.0.0.1", pace: Pace | None = None
) -> AsyncIterator[Simulator]:
    """Serves in the running loop until the block ends; port 0 takes a free one."""
    server = Server(pace)
    # A handler is cancelled as soon as its client leaves: that is how a cancelled call is seen.
    runner = web.AppRunner(
        server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=_GRACE_SECONDS
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1_024)
        await site.start()
        bound: tuple[str, int] = runner.addresses[0][:2]
        yield Simulator(server, bound[0], bound[1])
    finally:
        await runner.cleanup()
