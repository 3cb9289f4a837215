"""Requests of a tenant that is moving here: each is answered by ChatSmart or by the old path, sometimes by both.

The one who is chosen answers. Where it can't even begin to, the other does, and a header says so; once a byte has gone
out, nothing is mended any more. A tenant without a move pays a look into a dictionary (`Desk.of`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson
from starlette.types import Message, Receive, Scope, Send

from functions.web import body, passage
from functions.web.departure import Departure
from functions.web.errors import status_of
from functions.web.idempotency import ticket_of
from shared.core.faults import (
    BadRequest,
    Fault,
    OurFault,
    Overloaded,
    ProviderFault,
    Refused,
    TooLarge,
    UnknownModel,
)
from shared.core.ids import TenantId
from shared.core.tenant import Principal
from shared.cutover.captured import Asked, Capture
from shared.cutover.split import choose
from shared.ports.cutovers import Cutover
from shared.ports.oldpath import OldRequest

if TYPE_CHECKING:
    from shared.bootstrap import Services
    from shared.cutover.mirrors import Pair

Answer = Callable[[Scope, Principal, bytes, Receive, Send], Awaitable[None]]
"""ChatSmart's own answer to a body."""
MOST_BYTES = 32 * 1024 * 1024
"""The largest body that is passed on: more than we read for ourselves, for the old path may take more."""
HEAD_SECONDS = 300.0
STREAM_HEAD_SECONDS = 30.0
"""How long the old path may take to begin a whole answer, and a streamed one."""
AWAY_SECONDS = 5.0
"""How long an old path that could not be reached is left alone."""
_CAPTURED = 1024 * 1024
_MARKS = 500
_SERVED = b"x-chatsmart-served-by"
_WHY = b"x-chatsmart-cutover"


@dataclass(slots=True)
class _Trip:
    """One request on its way."""

    cutover: Cutover
    principal: Principal
    scope: Scope
    receive: Receive
    send: Send
    answer: Answer
    raw: bytes
    parsed: dict[str, Any]
    began: float
    pair: "Pair | None" = None
    failed: list[str] = field(default_factory=list)
    """What the one that was asked first said of itself."""

    @property
    def translated(self) -> bytes:
        """The body with our name of the model."""
        name = self.parsed.get("model")
        ours = self.cutover.models.get(name) if isinstance(name, str) else None
        return self.raw if ours is None else orjson.dumps(self.parsed | {"model": ours})

    @property
    def counted(self) -> bytes:
        """The body of a request whose answer we alone read: a streamed chat is asked for its usage, to be priced."""
        silent = "messages" in self.parsed and self.parsed.get("stream") is True
        if not silent or self.parsed.get("stream_options") is not None:
            return self.raw
        return orjson.dumps(self.parsed | {"stream_options": {"include_usage": True}})


class Crossing:
    """Sends a moving tenant's requests to the side that is chosen for them."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._away: dict[TenantId, float] = {}

    async def of(self, principal: Principal, scope: Scope) -> Cutover | None:
        """The caller's move; None where ChatSmart answers: without one, for what came round in a circle, and for a
        repeat of what it has answered before."""
        found = await self._services.cutover.of(principal.tenant)
        if found is None or body.header(scope, passage.HOP) is not None:
            return None
        ticket = ticket_of(scope)
        return None if ticket is not None and ticket.repeated else found

    async def serve(
        self,
        cutover: Cutover,
        principal: Principal,
        scope: Scope,
        receive: Receive,
        send: Send,
        answer: Answer,
    ) -> None:
        """Answer one request. Raises a Fault before the answer has begun, as ChatSmart's own answer does."""
        raw = await body.read(scope, receive, MOST_BYTES)
        began = self._services.clock.monotonic()
        trip = _Trip(cutover, principal, scope, receive, send, answer, raw, _object(raw), began)
        choice = choose(cutover, trip.parsed, raw)
        if choice.both:
            trip.pair = self._paired(trip, "chatsmart" if choice.ours else "old")
        try:
            await (self._ours(trip) if choice.ours else self._theirs(trip))
        finally:
            if trip.pair is not None:
                trip.pair.abandon()  # changes nothing where its answer was handed in

    async def _ours(self, trip: _Trip) -> None:
        out = _Outward(trip, "chatsmart", self._services.clock.monotonic)
        try:
            if len(trip.raw) > body.LIMIT:
                raise body.too_large()
            await trip.answer(trip.scope, trip.principal, trip.translated, trip.receive, out)
        except Fault as fault:
            if not out.begun and trip.pair is not None:
                trip.pair.answered(Capture(fault=fault.code, total_ms=out.ms(), status=status_of(fault)))
            if out.begun or trip.failed or not self._mended(trip, fault):
                self._count(trip, "chatsmart:failed" if status_of(fault) >= 500 else "chatsmart:refused")
                raise
            unread = isinstance(fault, BadRequest | UnknownModel | TooLarge)
            trip.failed.append(f"chatsmart {'unfit' if unread else 'down'}: {fault.code}")
            await self._theirs(trip)
            return
        if out.over:
            self._count(trip, "chatsmart")
            if trip.pair is not None and not trip.failed:
                trip.pair.answered(out.captured())

    def _mended(self, trip: _Trip, fault: Fault) -> bool:
        """Whether the old path is asked in ChatSmart's place: where ours or a provider is down; and, until all
        traffic has moved, where the request has something that ChatSmart does not know."""
        if isinstance(fault, BadRequest | UnknownModel | TooLarge):
            return trip.cutover.serve_percent < 100
        return isinstance(fault, ProviderFault | OurFault) and not isinstance(fault, Refused)

    async def _theirs(self, trip: _Trip) -> None:
        tenant = trip.cutover.tenant
        if not trip.failed and self._away.get(tenant, 0.0) > trip.began:
            await self._instead(trip, Overloaded("The old path could not be reached a moment ago."))
            return
        out = _Outward(trip, "old", self._services.clock.monotonic)
        try:
            await self._pass(trip, out)
        except Fault as fault:
            if out.begun:
                self._count(trip, "old:broke")
                raise
            if isinstance(fault, BadRequest):
                raise
            self._away[tenant] = self._services.clock.monotonic() + AWAY_SECONDS
            await self._instead(trip, fault)
            return
        self._away.pop(tenant, None)
        if out.over:
            self._count(trip, "old" if out.status < 400 else f"old:{out.status}")
            if trip.pair is not None and not trip.failed:
                trip.pair.answered(out.captured())

    async def _instead(self, trip: _Trip, fault: Fault) -> None:
        """ChatSmart answers because the old path can't; where neither can, both are named."""
        if trip.failed:
            raise Overloaded(
                f"Neither side could answer. ChatSmart: {trip.failed[0].split(': ')[-1]}. {fault.message}"
            ) from fault
        if trip.pair is not None:
            trip.pair.answered(Capture(fault=fault.code, total_ms=self._ms(trip)))
        trip.failed.append(f"old down: {fault.code}")
        try:
            await self._ours(trip)
        except (ProviderFault, BadRequest, UnknownModel) as ours:
            if isinstance(ours, Refused):
                raise
            raise Overloaded(f"{fault.message} ChatSmart can't answer in its place: {ours.message}") from ours

    async def _pass(self, trip: _Trip, out: "_Outward") -> None:
        """The old path's answer, byte for byte. Leaving closes its connection, so that it stops too."""
        request = self._request(trip)
        async with Departure(trip.receive) as departure:
            async with self._services.cutover.old.send(request) as answer:
                headers = passage.outward(answer.headers)
                await out({"type": "http.response.start", "status": answer.status, "headers": headers})
                async for piece in answer.pieces():
                    await out({"type": "http.response.body", "body": piece, "more_body": True})
            departure.over()
        if not departure.gone:
            await out({"type": "http.response.body", "body": b""})

    def _request(self, trip: _Trip, *, background: bool = False) -> OldRequest:
        key = self._services.cutover.key(trip.cutover)
        headers = passage.inward(trip.scope["headers"], key, passage.secret_of(trip.scope))
        query = trip.scope.get("query_string", b"").decode("ascii", "ignore")
        path = str(trip.scope["path"]).removeprefix("/v1")
        return OldRequest(
            url=trip.cutover.base_url + path + (f"?{query}" if query else ""),
            headers=passage.plain(headers) if background else headers,
            body=trip.counted if background else trip.raw,
            head_seconds=STREAM_HEAD_SECONDS if trip.parsed.get("stream") is True else HEAD_SECONDS,
        )

    def _paired(self, trip: _Trip, first: str) -> "Pair | None":
        services, name = self._services, trip.parsed.get("model")
        asked = Asked(
            tenant=trip.cutover.tenant,
            at=services.clock.now(),
            path=str(trip.scope["path"]),
            model=name[:200].replace("\x00", "") if isinstance(name, str) else "",
            first=first,
            keep=trip.cutover.keep_samples,
        )
        background = self._mirrored if first == "chatsmart" else self._shadowed
        return services.cutover.mirrors.start(asked, lambda: background(trip), len(trip.raw))

    async def _mirrored(self, trip: _Trip) -> Capture:
        """The old path's answer, for comparison."""
        out = _Outward(None, "old", self._services.clock.monotonic)
        try:
            async with self._services.cutover.old.send(self._request(trip, background=True)) as answer:
                await out(
                    {"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)}
                )
                async for piece in answer.pieces():
                    await out({"type": "http.response.body", "body": piece, "more_body": True})
                    if out.full:
                        break
        except Fault as fault:
            return out.captured(fault.code)
        return out.captured()

    async def _shadowed(self, trip: _Trip) -> Capture:
        """ChatSmart's answer, for comparison: an ordinary run under the tenant's caps, in the log as `shadow`."""
        out = _Outward(None, "chatsmart", self._services.clock.monotonic)
        try:
            shadow = replace(trip.principal, actor="shadow")
            await trip.answer(_bare(trip.scope), shadow, trip.translated, _stays, out)
        except Fault as fault:
            return out.captured(fault.code)
        return out.captured()

    def _count(self, trip: _Trip, way: str) -> None:
        why = f":instead of {trip.failed[0].split(':')[0]}" if trip.failed else ""
        self._services.cutover.recorder.count(trip.cutover.tenant, way + why)

    def _ms(self, trip: _Trip) -> int:
        return round((self._services.clock.monotonic() - trip.began) * 1000)


class _Outward:
    """Where an answer goes: to the caller with a header that tells who gave it, and into a capture where one is
    wanted. Without a trip it goes into the capture alone."""

    def __init__(self, trip: _Trip | None, by: str, monotonic: Callable[[], float]) -> None:
        self.begun = self.over = self.full = False
        self.status = 0
        self._trip, self._by, self._monotonic, self._began = trip, by, monotonic, monotonic()
        self._keeps = trip is None or (trip.pair is not None and not trip.failed)
        self._capture = Capture()
        self._pieces: list[bytes] = []
        self._size = 0

    def ms(self) -> int:
        """How long it has taken so far."""
        return round((self._monotonic() - self._began) * 1000)

    async def __call__(self, message: Message) -> None:
        """As ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            if self._keeps:
                self._note(message)
            if self._trip is not None:
                marks = [(_SERVED, self._by.encode())]
                if self._trip.failed:
                    marks.append((_WHY, f"instead of {self._trip.failed[0]}".encode()))
                message = {**message, "headers": [*message.get("headers", ()), *marks]}
        elif self._keeps:
            self._keep(message.get("body", b""))
        if self._trip is not None:
            await self._trip.send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.over = True
            self._capture.total_ms = self.ms()

    def captured(self, fault: str = "") -> Capture:
        """What came."""
        capture = self._capture
        capture.body = b"".join(self._pieces)
        capture.total_ms = capture.total_ms or self.ms()
        capture.fault = fault or ("too_large" if self.full else "")
        return capture

    def _note(self, message: Message) -> None:
        capture, found = self._capture, dict(message.get("headers", ()))
        found = {name.lower(): value.decode("latin-1") for name, value in found.items()}
        capture.status = message["status"]
        capture.events = found.get(b"content-type", "").startswith("text/event-stream")
        if self._by == "chatsmart":
            cost = found.get(b"x-chatsmart-cost-micros", "")
            capture.trace, capture.model = (
                found.get(b"x-chatsmart-trace", ""),
                found.get(b"x-chatsmart-model", ""),
            )
            capture.cost = int(cost) if cost.isdigit() else None

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > _CAPTURED:
            self.full = True
            self._pieces.clear()
        if self.full:
            return
        self._pieces.append(piece)
        if len(self._capture.marks) < _MARKS:
            self._capture.marks.append((self._size, self.ms()))


def _object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty for anything else, which is for whoever answers to judge."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _bare(scope: Scope) -> Scope:
    """A request without headers and what hangs on them: the one in the foreground has had them."""
    return {name: scope[name] for name in ("type", "method", "path", "query_string")} | {"headers": []}


async def _stays() -> Message:
    """A caller that never leaves: its disconnect would be that of the caller in the foreground."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
