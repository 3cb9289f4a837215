"""Model answers as a bare ASGI endpoint: the hot path, reached without router, models or dependencies.

FastAPI's streaming response costs twice the CPU of this for a burst of tokens (peer benchmark, part 6).
"""

from contextlib import aclosing
from typing import TYPE_CHECKING, Generic

from starlette.types import Receive, Scope, Send

from functions.web import body, limits
from functions.web.cache_wish import cache_wish
from functions.web.crossing import Crossing
from functions.web.departure import Departure
from functions.web.dialect import A, Dialect, Gathered, Writer
from functions.web.errors import openai_error, status_of
from functions.web.heartbeat import Heartbeat
from functions.web.idempotency import opened
from functions.web.openai_answer import Envelope
from functions.web.principal import Principals
from functions.web.reply import dumps
from functions.web.sse import HEADERS as STREAM_HEADERS
from shared.chat.order import ChatOrder
from shared.core.faults import CallerFault, Cut, Fault
from shared.core.ids import begun_at
from shared.core.leg import Restarted, Spliced
from shared.core.tenant import Principal
from shared.core.usage import NO_USAGE

if TYPE_CHECKING:
    from shared.bootstrap import Services
    from shared.chat.again import Retold
    from shared.chat.answering import Answering


class Generation(Generic[A]):
    """Answers in one dialect, streamed and whole. A client that leaves ends the provider's call at once."""

    def __init__(self, services: "Services", principals: Principals, dialect: Dialect[A]) -> None:
        self._services = services
        self._principals = principals
        self._dialect = dialect
        self._crossing = Crossing(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Faults before the first token leave as exceptions: the edge gives them a status."""
        principal = await self._principals.of(scope)
        if (cutover := await self._crossing.of(principal, scope)) is not None:
            await self._crossing.serve(cutover, principal, scope, receive, send, self._answer)
            return
        await self._answer(scope, principal, await body.read(scope, receive), receive, send)

    async def _answer(
        self, scope: Scope, principal: Principal, raw: bytes, receive: Receive, send: Send
    ) -> None:
        async with Departure(receive) as departure:
            asked, answering = await self._opened(scope, principal, raw)
            if answering.remaining:
                limits.note(scope, answering.remaining)
            else:  # told again out of the log: nothing was held, which would have charged it
                await limits.admit(scope, principal, self._services.ledger, self._services.settings.limits)
            try:
                envelope = self._envelope(answering)
                if asked.stream:
                    await _stream(answering, self._dialect.writer(envelope, asked), send)
                    last = b""
                else:
                    last = await _whole(answering, self._dialect.gathered(envelope, asked), send)
                departure.over()
            finally:
                await answering.aclose()
        if not departure.gone:
            await send({"type": "http.response.body", "body": last})

    async def _opened(self, scope: Scope, principal: Principal, raw: bytes) -> "tuple[A, Answering | Retold]":
        """What was asked, and its answer. One refused before its hold is charged here, as any other is."""
        try:
            asked = self._dialect.read(body.parse(raw))
            cache, tags = cache_wish(scope)
            order = ChatOrder(
                asked.model, asked.prompt, asked.stream, asked.n, asked.fallback, cache=cache, tags=tags
            )
            return asked, await opened(self._services, scope, principal, order)
        except Fault as fault:
            if fault.remaining:
                limits.note(scope, fault.remaining)
            elif isinstance(fault, CallerFault):
                await limits.admit(scope, principal, self._services.ledger, self._services.settings.limits)
            raise

    def _envelope(self, answering: "Answering | Retold") -> Envelope:
        return Envelope(
            id=self._dialect.prefix + answering.trace,
            created=begun_at(answering.run),
            model=answering.model,
            simulated=answering.simulated,
            trace=answering.trace,
            notes=answering.notes,
            cache=answering.cache,
        )


async def _whole(answering: "Answering | Retold", gathered: Gathered, send: Send) -> bytes:
    """Gather the answer, send its head and return its body."""
    async for index, batch in answering.items():
        for piece in batch:
            if isinstance(piece, Restarted):
                gathered.void(index)
            elif not isinstance(piece, Spliced):
                gathered.add(index, piece)
    content = dumps(gathered.whole(answering.usage or NO_USAGE, answering.cost))
    headers = _headers(answering)
    if answering.cost is not None:
        headers.append((b"x-chatsmart-cost-micros", b"%d" % answering.cost))
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    return content


async def _stream(answering: "Answering | Retold", writer: Writer, send: Send) -> None:
    """Send the answer as it comes. A fault from here on is an event, for the status has gone out."""
    headers = [*_headers(answering), *STREAM_HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    waiting = writer.opening()
    shown: set[int] = set()
    try:
        async with aclosing(answering.items()) as reads, Heartbeat(send) as heart:
            async for index, read in reads:
                pieces = [waiting] if waiting else []
                for item in read:
                    if isinstance(item, Restarted):
                        if index in shown:
                            # OpenAI's formats can't take text back. Two half answers in a row would look like one.
                            raise Cut(
                                "The provider's answer broke off and could only be begun anew. Send it again."
                            )
                    elif not isinstance(item, Spliced):
                        shown.add(index)
                        pieces.append(writer.event(index, item))
                waiting = b""
                if piece := b"".join(pieces):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                    heart.sent()
        last = writer.closing(answering.usage or NO_USAGE, answering.cost)
    except Fault as fault:
        last = waiting + writer.error(openai_error(fault, status_of(fault)))
    await send({"type": "http.response.body", "body": last, "more_body": True})


def _headers(answering: "Answering | Retold") -> list[tuple[bytes, bytes]]:
    return [
        (b"x-chatsmart-trace", answering.trace.encode()),
        (b"x-chatsmart-model", answering.model.encode()),
        (b"x-chatsmart-cache", answering.cache.encode()),
    ]
