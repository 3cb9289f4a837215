"""A stand-in for the engine behind the web app: scripted, in memory, with the same verbs."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import httpx
import uvicorn
from fastapi import FastAPI

from functions.web.app import create_app
from shared.adapters.clock import RandomIds
from shared.chat.order import ChatOrder
from shared.config import Settings
from shared.core.chunk import Chunk, Ended, Text, Used
from shared.core.event import Event
from shared.core.faults import Fault, NotYours
from shared.core.ids import KeyId, RunId, TenantId, TraceId, run_id, trace_of
from shared.core.leg import Piece
from shared.core.limit import Remaining
from shared.core.money import Micros
from shared.core.rules import Rules
from shared.core.tenant import NO_LIMITS, Limits, Principal
from shared.core.usage import Usage
from shared.cutover.desk import Desk as CutoverDesk
from shared.fakes.comparisons import MemoryComparisons
from shared.fakes.cutovers import MemoryCutovers
from shared.fakes.ledger import MemoryLedger
from shared.fakes.oldpath import ScriptedOldPath
from shared.fakes.rules import MemoryRules
from shared.fakes.sealer import MemorySealer
from shared.models.catalogue import Catalogue
from shared.ports.keys import ApiKey
from shared.ports.seals import Verdict
from shared.ports.shelf import Document
from shared.tenancy.keys import digest

TENANT = TenantId("018f0000-0000-7000-8000-000000000001")
OTHER = TenantId("018f0000-0000-7000-8000-000000000002")
KEY = "cs_the-key-of-the-first-tenant-00001"
OTHER_KEY = "cs_the-key-of-the-other-tenant-00002"
AUTH = {"authorization": f"Bearer {KEY}"}
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HELLO: tuple[Chunk, ...] = (Text("Hel"), Text("lo"), Ended("stop"), Used(Usage(input=9, output=2)))

Scripted = tuple[int, Piece] | tuple[int, list[Piece]] | Fault | float
"""A piece or what one read brought of several, a fault to raise, or seconds to wait."""


@dataclass
class HandClock:
    """Time that a test moves."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class MemoryKeys:
    """Keys in a dict; counts its look-ups."""

    rows: dict[bytes, ApiKey] = field(default_factory=dict)
    asked: int = 0
    wait: float = 0.0
    tenants: dict[TenantId, Limits] = field(default_factory=dict)
    book: MemoryRules = field(default_factory=MemoryRules)

    async def rules(self, tenant: TenantId) -> Rules:
        return await self.book.current(tenant)

    async def limits(self, tenant: TenantId, key: KeyId | None = None) -> tuple[Limits, Limits]:
        found = [row.limits for row in self.rows.values() if (row.tenant, row.id) == (tenant, key)]
        return self.tenants.get(tenant, NO_LIMITS), found[0] if found else NO_LIMITS

    async def limit_tenant(self, tenant: TenantId, limits: Limits) -> None:
        self.tenants[tenant] = limits

    async def principal(self, digest: bytes, at: datetime) -> Principal | None:
        self.asked += 1
        await asyncio.sleep(self.wait)
        key = self.rows.get(digest)
        if key is None or key.revoked is not None or (key.expires is not None and key.expires <= at):
            return None
        limits = self.tenants.get(key.tenant, NO_LIMITS)
        rules = await self.book.current(key.tenant)
        return Principal(key.tenant, key.id, key.id, key.scopes, key.limits, limits, rules)

    async def create(self, key: ApiKey, digest: bytes) -> None:
        self.rows[digest] = key

    async def listed(self, tenant: TenantId, after: str | None, limit: int) -> Sequence[ApiKey]:
        mine = sorted(
            (key for key in self.rows.values() if key.tenant == tenant), key=lambda k: k.id, reverse=True
        )
        return [key for key in mine if after is None or key.id < after][:limit]

    async def revoke(self, tenant: TenantId, key: KeyId, at: datetime) -> bool:
        for name, row in self.rows.items():
            if row.tenant == tenant and row.id == key:
                self.rows[name] = ApiKey(
                    row.id, row.tenant, row.name, row.hint, row.scopes, row.created, None, at
                )
                return True
        return False

    async def ensure_tenant(self, tenant: TenantId, name: str) -> None:
        return None


@dataclass
class Answer:
    """`shared.chat.desk.Answering`, scripted."""

    script: Sequence[Scripted]
    order: ChatOrder
    run: RunId
    simulated: bool = True
    pool: str = ""
    cache: str = "miss"
    model: str = "gpt-6-luna"
    usage: Usage | None = None
    cost: Micros | None = None
    remaining: Sequence[Remaining] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def trace(self) -> TraceId:
        return trace_of(self.run)

    async def items(self) -> AsyncGenerator[tuple[int, Sequence[Piece]], None]:
        for item in self.script:
            if isinstance(item, Fault):
                raise item
            if isinstance(item, float):
                await asyncio.sleep(item)
                continue
            index, pieces = item[0], item[1] if isinstance(item[1], list) else [item[1]]
            for piece in pieces:
                if isinstance(piece, Used):
                    self.usage = piece.usage
            yield index, pieces
        self.cost = Micros(42)

    async def aclose(self) -> None:
        self.closed.set()


@dataclass
class ChatDesk:
    """Answers with a script; remembers what was asked."""

    script: Sequence[Scripted] = tuple((0, chunk) for chunk in HELLO)
    opens_after: float = 0.0
    refuses: Exception | None = None
    answers: list[Answer] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self, principal: Principal, order: ChatOrder) -> Answer:
        Catalogue().ladder(order.model)
        if self.refuses is not None:
            raise self.refuses
        try:
            await asyncio.sleep(self.opens_after)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        answer = Answer(self.script, order, run_id("chat", UUID(int=len(self.answers) + 1)))
        self.answers.append(answer)
        return answer


@dataclass
class Desk:
    """`shared.documents.desk.Documents`, in memory. A started document has the events of `events`."""

    rows: dict[RunId, Document] = field(default_factory=dict)
    events: Sequence[Event | float | Fault] = ()
    waits: float = 0.0
    swaps: Mapping[str, str] | None = None
    followers: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def read(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return body

    async def start(
        self, principal: Principal, order: Mapping[str, Any], run: RunId | None = None
    ) -> Document:
        run = run or run_id("doc", UUID(int=len(self.rows) + 1))
        self.rows[run] = Document(
            run, principal.tenant, trace_of(run), "article", "running", NOW, dict(order)
        )
        return self.rows[run]

    async def wait(self, principal: Principal, run: RunId, seconds: float) -> Document:
        if self.waits > seconds:
            return self.rows[run]
        await asyncio.sleep(self.waits)
        self.rows[run] = self.rows[run].with_(status="finished", text="# Tea", cost=Micros(7))
        return self.rows[run]

    async def get(self, principal: Principal, run: RunId) -> Document:
        row = self.rows.get(run)
        if row is None or row.tenant != principal.tenant:
            raise NotYours(f"There is no document '{run}'.")
        return row

    async def listed(
        self, principal: Principal, after: str | None, limit: int, pipeline: str | None = None
    ) -> Sequence[Document]:
        mine = sorted(
            (row for row in self.rows.values() if row.tenant == principal.tenant), key=lambda r: r.id
        )
        return [row for row in reversed(mine) if after is None or row.id < after][:limit]

    async def follow(self, principal: Principal, run: RunId, after: int = 0) -> AsyncGenerator[Event, None]:
        self.followers += 1
        try:
            for item in self.events:
                if isinstance(item, Fault):
                    raise item
                if isinstance(item, float):
                    await asyncio.sleep(item)
                elif item.position > after:
                    yield item
        finally:
            self.followers -= 1
            self.left.set()

    async def rerun(
        self, principal: Principal, run: RunId, swaps: Mapping[str, str], new: RunId | None = None
    ) -> Document:
        await self.get(principal, run)
        self.swaps = swaps
        return await self.start(principal, {}, new)

    async def cancel(self, principal: Principal, run: RunId) -> Document:
        return await self.get(principal, run)

    async def tape(self, principal: Principal, run: RunId) -> list[dict[str, Any]]:
        await self.get(principal, run)
        return [{"position": 1, "kind": "run"}]


class Seals:
    """A chain that holds."""

    async def verify(self, tenant: TenantId) -> Verdict:
        return Verdict(tenant, seals=1, entries=2, unsealed=0)


class Metrics:
    """One metric."""

    def exposition(self) -> bytes:
        return b"chatsmart_up 1\n"


@dataclass
class Engine:
    """All of it; `app` is the web app over it."""

    clock: HandClock = field(default_factory=HandClock)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    chat: ChatDesk = field(default_factory=ChatDesk)
    documents: Desk = field(default_factory=Desk)
    checks: dict[str, str] = field(default_factory=lambda: {"postgres": "ok", "redis": "ok"})
    settings: Settings = field(default_factory=lambda: Settings(env="staging"))
    ids: RandomIds = field(default_factory=RandomIds)
    seals: Seals = field(default_factory=Seals)
    telemetry: Metrics = field(default_factory=Metrics)
    catalogue: Catalogue = field(default_factory=Catalogue)
    pipelines: Mapping[str, Any] = field(default_factory=dict)
    old: ScriptedOldPath = field(default_factory=ScriptedOldPath)
    running: bool = False
    intake: Any = None

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)
        self.cutover = CutoverDesk(
            MemoryCutovers(),
            MemoryComparisons(),
            MemorySealer(),
            self.old,
            self.clock,
            self.catalogue,
            self.settings.env,
        )
        for tenant, key, name in ((TENANT, KEY, "1"), (OTHER, OTHER_KEY, "2")):
            row = ApiKey(
                KeyId("key_" + "0" * 31 + name), tenant, "test", key[-4:], frozenset({"member"}), NOW
            )
            self.keys.rows[digest(key)] = row
        self.app: FastAPI = create_app(cast(Any, self))

    async def start(self) -> None:
        self.running = True

    async def close(self) -> None:
        await self.cutover.close()
        self.running = False

    async def ready(self) -> Mapping[str, str]:
        return self.checks

    def client(self, headers: Mapping[str, str] = AUTH) -> httpx.AsyncClient:
        """A client straight into the app, without a socket."""
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app behind a real server on a free loopback port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, access_log=False, http="httptools", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        assert not task.done(), "the server did not start"
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
