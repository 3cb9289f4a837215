"""Plugins in memory for unit tests: a host that answers as told, and programs that are plain coroutines."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.faults import BadPlugin
from shared.core.ids import TenantId
from shared.core.tenant import Principal
from shared.fakes.clock import CountingIds, FakeClock
from shared.fakes.plugins import MemoryPluginCalls, MemoryPlugins, MemoryPluginSecrets, MemoryPluginVersions
from shared.fakes.sealer import MemorySealer
from shared.plugins.calling import Stores
from shared.plugins.desk import Desk
from shared.plugins.manifest import Draft
from shared.ports.fetch import Fetched, FetchRequest
from shared.ports.sandbox import Bounds, Door, Program, Ran

Answer = Callable[[FetchRequest], Fetched]
Body = Callable[..., Awaitable[Any]]


class Host:
    """`ports.fetch.Fetch`: answers by a function, keeps what was asked. It grants everything."""

    def __init__(self) -> None:
        self.asked: list[FetchRequest] = []
        self.answer: Answer = lambda request: Fetched(200, {}, b"", request.url)

    async def fetch(self, request: FetchRequest) -> Fetched:
        """See the port."""
        self.asked.append(request)
        return self.answer(request)

    async def close(self) -> None:
        """See the port."""


class Programs:
    """`ports.sandbox.Sandbox`: a program is a coroutine that is known by a word in its source."""

    def __init__(self) -> None:
        self.bodies: dict[str, Body] = {}
        self.bounds: list[Bounds] = []
        self.ran: list[Program] = []

    async def run(
        self, program: Program, given: Mapping[str, Any], doors: Mapping[str, Door], bounds: Bounds
    ) -> Ran:
        """See the port."""
        self.ran.append(program)
        self.bounds.append(bounds)
        body = next(body for word, body in self.bodies.items() if word in program.source)

        async def fetch(*args: Any, **more: Any) -> Any:
            return await doors["fetch"]("fetch", {str(n): arg for n, arg in enumerate(args)} | more)

        return Ran(await body(program.source, fetch, **given), "", 1)

    async def check(self, program: Program) -> None:
        """See the port."""
        if "bad" in program.source:
            raise BadPlugin("It is bad.", line=1, column=2)

    async def close(self) -> None:
        """See the port."""


@dataclass
class PluginHouse:
    """A desk over memory, and what stands behind it."""

    tenant: TenantId
    host: Host = field(default_factory=Host)
    programs: Programs = field(default_factory=Programs)
    clock: FakeClock = field(default_factory=FakeClock)
    calls: MemoryPluginCalls = field(default_factory=MemoryPluginCalls)

    def __post_init__(self) -> None:
        plugins = MemoryPlugins()
        stores = Stores(plugins, MemoryPluginVersions(plugins), MemoryPluginSecrets(), self.calls)
        self.desk = Desk(stores, MemorySealer(), self.programs, self.host, self.clock, CountingIds())
        self.who = Principal(self.tenant, "key_1")

    async def add(self, name: str, body: Body, **more: Any) -> None:
        """A plugin that is this coroutine; `more` are fields of its draft, `text` stands in its source."""
        entry = "run(event)" if more.get("kind") == "action" else "fetch_sources(query)"
        source = f"def {entry}: ...  # {name} {more.pop('text', '')}"
        self.programs.bodies[f"# {name} "] = body
        await self.desk.add(self.who, Draft(name, source, **more))
