"""`Idempotency-Key`: a POST that is sent twice under one key is done once, and answered alike both times.

The first request claims the key before it does anything. What a repeat gets depends on what was asked:

chat, responses         the answer again, told out of the call log: no model is asked, nothing is charged. While the
                        first is still being answered a repeat is a 409 with `retry-after`.
documents, re-runs      the same document, whether it is being written or done; a stream begins at its start.
quote, replay, cancel   done again: they make nothing.
any other               the answer as it was given, kept encrypted (`locked.py`).

A request that failed without effect frees its key, and so does a chat whose caller left, for it was answered to nobody.
The same key with another body is a 409. Requests without the header are not touched.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.web import body, chat, responses
from functions.web.limits import admit
from functions.web.locked import lock, unlock
from functions.web.principal import Principals
from shared.core.faults import BadRequest, Conflict, Fault, NotYours
from shared.core.ids import RunId, run_id, trace_of
from shared.ports.idempotency import LEASE, Claim, Keyed
from shared.runtime.journal import shielded

if TYPE_CHECKING:
    from shared.bootstrap import Services
    from shared.chat.again import Retold
    from shared.chat.answering import Answering
    from shared.chat.order import ChatOrder
    from shared.core.tenant import Principal

LOG = logging.getLogger("chatsmart.web")
HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
KEY = r"^[\x21-\x7e]{1,255}$"
"""The form of a key: visible ASCII, so no spaces either."""
LARGEST = 1024 * 1024
"""The most bytes of an answer that are kept. What is larger can't be given again, and a repeat says so."""
_KEY = re.compile(KEY.encode())
_DOCUMENT = re.compile(r"/v1/documents(/[^/]+/rerun)?")
_HARMLESS = re.compile(r"/v1/documents/(quote|[^/]+/(replay|cancel))")
_TICKET = "chatsmart.ticket"
_MARK = "chatsmart.replayed"
_GONE = b""
"""Kept in place of an answer that is too large."""
_AGAIN_SECONDS = 1.0

Way = Literal["chat", "doc", "harmless", "post"]
"""How a path is repeated. All but `harmless` also begin the id of whoever holds the key."""


class StillAnswered(Conflict):
    """The first request with this Idempotency-Key is still being answered."""

    retryable = True
    advice = "Send the same request again in a moment: it gets the same answer."

    def __init__(self) -> None:
        super().__init__(retry_after=_AGAIN_SECONDS)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a key means for its request. `run` is the id under which the work is, or was, done."""

    run: RunId
    repeated: bool = False
    told: "Retold | None" = None
    answer: bytes | None = None


def ticket_of(scope: Scope) -> Ticket | None:
    """The ticket of a request that came with a key."""
    found: Ticket | None = scope.get(_TICKET)
    return found


def was_replayed(scope: Scope) -> bool:
    """Whether the answer to this request, an error too, is one that was given before."""
    return _MARK in scope


async def opened(
    services: "Services", scope: Scope, principal: "Principal", order: "ChatOrder"
) -> "Answering | Retold":
    """The answer to a chat: opened, or the one that its key stands for."""
    ticket = ticket_of(scope)
    if ticket is None:
        return await services.chat.open(principal, order)
    if ticket.told is None:
        return await services.chat.open(principal, replace(order, run=ticket.run))
    told = ticket.told
    told.begin()
    if told.hidden:
        # Brings the guard along: a cold start need not wait for it.
        from shared.chat.outward import outward

        told.ways = outward(order, await services.vault.marks(principal.tenant, told.run))
    return told


class Once:
    """Serves requests that carry a key. One of these stands before the whole app."""

    def __init__(self, services: "Services", principals: Principals) -> None:
        self._services = services
        self._principals = principals

    async def serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, by `app` where its key is new. Raises NoKey, BadRequest for what is no key, Conflict,
        StillAnswered, and Unavailable before anything is done."""
        principal = await self._principals.of(scope)
        key = _key(scope)
        raw = await body.read(scope, receive)
        fingerprint = sha256(raw + scope["query_string"]).digest()
        asked = Keyed(principal.tenant, f"{scope['method']} {scope['path']}", key.decode(), fingerprint)
        way = _way(scope["path"])
        try:
            ticket = await self._ticket(asked, way, principal)
        except Conflict:
            await self._charge(scope, principal)
            raise
        if ticket.repeated:
            await self._charge(scope, principal)
        kept = None if ticket.answer is None else _opened(scope, asked, ticket.answer)
        if ticket.repeated and way != "harmless":
            scope[_MARK] = True
        if kept is not None:
            await _give(kept, send)
            return
        scope[_TICKET] = ticket
        receive = _unread(raw, receive)
        if ticket.repeated:
            await app(scope, receive, send)
            return
        watch = _Watch(send, run=ticket.run, keeps=way == "post", logged=way == "chat")
        done = False
        try:
            async with self._holding(asked, ticket.run) if way in ("chat", "post") else nullcontext():
                await app(scope, receive, watch)
                done = watch.answered
                if done and watch.keeps:
                    await self._keep(asked, ticket.run, lock(_credential(scope), asked, watch.whole()))
        finally:
            if not done:
                await shielded(self._let_go(asked, ticket.run, way, principal))
        await watch.flush()

    async def _charge(self, scope: Scope, principal: "Principal") -> None:
        """Repeats count as requests: first ones are charged where they are served."""
        await admit(scope, principal, self._services.ledger, self._services.settings.limits)

    async def _ticket(self, asked: Keyed, way: Way, principal: "Principal") -> Ticket:
        """Claim the key, or find out what came of whoever has it."""
        services, store = self._services, self._services.idempotency
        run = run_id(way, services.ids.uuid())
        claim = await store.claim(asked, run, services.clock.now())
        if claim.mine:
            return Ticket(run)
        if claim.fingerprint != asked.fingerprint:
            raise Conflict(
                "This Idempotency-Key was used with another request body. A repeat must be the same to the byte; a new "
                "request needs a new key.",
                param="Idempotency-Key",
            )
        found = await self._found(claim, way, principal)
        if found is not None:
            return found
        if not (await store.claim(asked, run, services.clock.now(), claim)).mine:
            raise StillAnswered
        return Ticket(run)

    async def _found(self, claim: Claim, way: Way, principal: "Principal") -> Ticket | None:
        """What a repeat gets; None where nothing came of the first one and a repeat may do it in its stead. Raises
        StillAnswered."""
        run, over = claim.holder, False
        if way == "harmless" or claim.answer is not None:
            return Ticket(run, repeated=True, answer=claim.answer)
        if way == "doc" and await self._shelved(run, principal):
            return Ticket(run, repeated=True)
        if way == "chat":
            entries = await self._services.log.tape(principal.tenant, run)
            # Brings the runtime along: a cold start need not wait for it.
            from shared.chat.again import is_over, retold

            told, over = retold(entries), is_over(entries)
            if told is not None:
                return Ticket(run, repeated=True, told=told)
        if not over and claim.lease_until > self._services.clock.now():
            raise StillAnswered
        return None

    async def _let_go(self, asked: Keyed, run: RunId, way: Way, principal: "Principal") -> None:
        """The request failed, or its caller left: free the key, unless what was done stands."""
        try:
            if way == "doc" and await self._shelved(run, principal):
                return
            from shared.chat.again import retold

            if way == "chat" and retold(await self._services.log.tape(asked.tenant, run)) is not None:
                return
            await self._services.idempotency.free(asked, run)
        except Fault as fault:
            # The lease will run out, and a repeat then finds what there is to find.
            LOG.warning("an idempotency key was not freed: %s", fault.message)

    async def _shelved(self, run: RunId, principal: "Principal") -> bool:
        try:
            await self._services.documents.get(principal, run)
        except NotYours:
            return False
        return True

    async def _keep(self, asked: Keyed, run: RunId, locked: bytes) -> None:
        """What was done is done and its answer goes out all the same; only a repeat may find nothing."""
        try:
            await self._services.idempotency.keep(asked, run, locked)
        except Fault as fault:
            LOG.warning("an idempotent answer was not kept: %s", fault.message)

    @asynccontextmanager
    async def _holding(self, asked: Keyed, run: RunId) -> AsyncIterator[None]:
        """Tell the store now and again that the work goes on."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(LEASE.total_seconds() / 3)
                try:
                    await self._services.idempotency.extend(asked, run, self._services.clock.now())
                except Fault as fault:
                    LOG.warning("an idempotency key's lease was not extended: %s", fault.message)

        task = asyncio.create_task(beat(), name="idempotency lease")
        try:
            yield
        finally:
            task.cancel()


class _Watch:
    """Passes an answer on and sees whether it was given whole. One that `keeps` has its last piece wait for `flush`, so
    that it is kept before its reader can have it whole; so does an answer that should be that of a `logged` run and is
    not (somebody else gave it), for the log can't tell it again."""

    def __init__(self, send: Send, *, run: RunId, keeps: bool, logged: bool) -> None:
        self.answered, self.keeps = False, keeps
        self._send, self._logged = send, logged
        self._trace = (b"x-chatsmart-trace", trace_of(run).encode())
        self._start: Message = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._last: Message | None = None

    async def __call__(self, message: Message) -> None:
        """ASGI's send."""
        if message["type"] == "http.response.start":
            self._start = {**message, "headers": list(message.get("headers", ()))}
            self.keeps = self.keeps or (self._logged and self._trace not in self._start["headers"])
        else:
            self._size += len(message.get("body", b""))
            if self.keeps and self._size <= LARGEST:
                self._pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.answered = self._start["status"] < 400
                if self.keeps:
                    self._last = message
                    return
        await self._send(message)

    async def flush(self) -> None:
        """Send what waits."""
        if self._last is not None:
            await self._send(self._last)

    def whole(self) -> bytes:
        """The answer as it is kept: a line of JSON with status and headers, then the body."""
        if self._size > LARGEST:
            return _GONE
        headers = [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in self._start["headers"]
        ]
        return b"".join([orjson.dumps([self._start["status"], headers]), b"\n", *self._pieces])


async def _give(kept: bytes, send: Send) -> None:
    """Send a kept answer."""
    head, _, content = kept.partition(b"\n")
    status, named = orjson.loads(head)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _opened(scope: Scope, asked: Keyed, locked: bytes) -> bytes:
    """A kept answer in plain. Raises Conflict where it can't be given again."""
    kept = unlock(_credential(scope), asked, locked)
    if kept is None:
        raise Conflict(
            "This request was done already, asked for with another credential. Its answer may hold secrets and is "
            "given again only to the credential that it was made for.",
            param="Idempotency-Key",
        )
    if kept == _GONE:
        raise Conflict(
            f"This request was done already. Its answer was larger than {LARGEST // 1024} KiB and was not kept.",
            param="Idempotency-Key",
        )
    return kept


def _key(scope: Scope) -> bytes:
    found = [bytes(value) for name, value in scope["headers"] if name == HEADER]
    if len(found) != 1 or not _KEY.fullmatch(found[0]):
        raise BadRequest(
            "The header Idempotency-Key must come once, with 1 to 255 visible ASCII characters and no spaces.",
            param="Idempotency-Key",
        )
    return found[0]


def _way(path: str) -> Way:
    if path in (chat.PATH, responses.PATH):
        return "chat"
    if _DOCUMENT.fullmatch(path):
        return "doc"
    return "harmless" if _HARMLESS.fullmatch(path) else "post"


def _credential(scope: Scope) -> bytes:
    return (body.header(scope, b"authorization") or b"").split()[-1]


def _unread(raw: bytes, receive: Receive) -> Receive:
    """`receive`, with the body that was read put back before whatever comes next."""
    first: list[Message] = [{"type": "http.request", "body": raw, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again
