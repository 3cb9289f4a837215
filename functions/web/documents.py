"""Documents: quoted, written, listed, followed, replayed, re-run, cancelled."""

import re
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from functions.web.departure import Departure
from functions.web.describe import RUN, describe
from functions.web.idempotency import ticket_of
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body
from functions.web.sse import EventStream, last_event_id
from shared.core.faults import BadRequest, NotYours
from shared.core.ids import RunId
from shared.core.tenant import Principal
from shared.documents.view import document_json, summary_json
from shared.ports.shelf import Document

if TYPE_CHECKING:
    from shared.bootstrap import Services

router = APIRouter(tags=["documents"])
WAIT_SECONDS = 120.0
"""How long a caller that does not stream is kept waiting for a document before it gets a 202."""
_RUN = re.compile(RUN)
_MOST_SWAPS = 100
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
After = Annotated[str | None, Query(pattern=RUN, description="`next` of the page before.")]
Cursor = Annotated[str | None, Query(pattern=RUN, description="The same as `after`.")]
Prefer = Annotated[str | None, Header(description="`respond-async`: answer 202 at once.")]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", description="The last event seen.")]


@router.post("/v1/documents/quote", **describe("Quote", "What it would cost at most", body="DocumentRequest"))
async def quote(request: Request, caller: Caller) -> Response:
    """The worst-case price of a document, step by step. Nothing is held, stored or sent."""
    desk = engine(request).documents
    return Json(desk.quote_json(desk.quote(caller, desk.read(await json_body(request)))))


@router.post(
    "/v1/documents",
    **describe("Document", "The document", body="DocumentRequest", status=201, also=202, stream=True),
)
async def create(request: Request, caller: Caller, prefer: Prefer = None) -> Response:
    """Write a document: as a stream of events, or waited for, or (`Prefer: respond-async`) in the background."""
    services = engine(request)
    given = await json_body(request)
    ticket = ticket_of(request.scope)
    if ticket is not None and ticket.repeated:
        document = await services.documents.get(caller, ticket.run)
    else:
        order = services.documents.read(given)
        document = await services.documents.start(caller, order, ticket.run if ticket else None)
    return await _answer(request, caller, document, stream=bool(given.get("stream")), prefer=prefer)


@router.get("/v1/documents", **describe("DocumentList", "A page, newest first"))
async def listed(
    request: Request,
    caller: Caller,
    after: After = None,
    cursor: Cursor = None,
    limit: Limit = 20,
    pipeline: str | None = None,
) -> Response:
    """The tenant's documents, newest first, without their texts."""
    services = engine(request)
    if pipeline is not None and pipeline not in services.pipelines:
        raise BadRequest(
            f"'pipeline' must be one of: {', '.join(sorted(services.pipelines))}.", param="pipeline"
        )
    found = await services.documents.listed(caller, after or cursor, limit + 1, pipeline)
    page = [summary_json(document) for document in found[:limit]]
    return Json({"data": page, "next": found[limit - 1].id if len(found) > limit else None})


@router.get("/v1/documents/{id}", **describe("Document", "The document"))
async def one(request: Request, id: str, caller: Caller) -> Response:
    """A document as it stands."""
    return Json(document_json(await engine(request).documents.get(caller, run(id))))


@router.get("/v1/documents/{id}/events", **describe(None, "The events", stream=True))
async def events(
    request: Request, id: str, caller: Caller, last: LastEventId = None, after: str | None = None
) -> Response:
    """The events of a document past the last one seen: live while it is being written, from the log afterwards."""
    position = last_event_id(last, after)
    services = engine(request)
    document = await services.documents.get(caller, run(id))
    return _events(services, caller, document, position)


@router.post("/v1/documents/{id}/replay", **describe("Replay", "What the log gives"))
async def replay(request: Request, id: str, caller: Caller) -> Response:
    """Rebuild a finished document from the log alone. `identical` says whether the events have the digest that was
    recorded; `drift` where today's pipeline would tell the same answers otherwise.
    With `Accept: text/event-stream` the answer is the bytes of the events themselves."""
    replayed = await engine(request).documents.replay(caller, run(id))
    headers = {"x-chatsmart-trace": replayed.document.trace, "x-chatsmart-sha256": replayed.sha256}
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(replayed.sse, media_type="text/event-stream", headers=headers)
    return Json(
        {
            "id": replayed.document.id,
            "text": replayed.document.text,
            "identical": replayed.identical,
            "sha256": replayed.sha256,
            "detail": replayed.detail,
            "drift": replayed.drift,
            "drawing": replayed.drawing,
            "document": document_json(replayed.document),
            "sse": replayed.sse.decode(),
        },
        headers=headers,
    )


@router.post(
    "/v1/documents/{id}/rerun",
    **describe(
        "Document",
        "The new document",
        body="RerunRequest",
        body_needed=False,
        status=201,
        also=202,
        stream=True,
    ),
)
async def rerun(request: Request, id: str, caller: Caller, prefer: Prefer = None) -> Response:
    """Write the document again with today's models, some steps on others: `{"set": {"draft": "gpt-6-luna"}}`."""
    given = await json_body(request)
    unknown = sorted(set(given) - {"set", "stream"})
    if unknown:
        raise BadRequest(
            f"A re-run takes 'set' and 'stream', not '{unknown[0][:80]}'.", param=unknown[0][:80]
        )
    if not isinstance(given.get("stream", False), bool):
        raise BadRequest("'stream' must be true or false.", param="stream")
    desk, ticket = engine(request).documents, ticket_of(request.scope)
    if ticket is not None and ticket.repeated:
        document = await desk.get(caller, ticket.run)
    else:
        swaps = _swaps(given.get("set"))
        document = await desk.rerun(caller, run(id), swaps, ticket.run if ticket else None)
    return await _answer(request, caller, document, stream=bool(given.get("stream")), prefer=prefer)


@router.post("/v1/documents/{id}/cancel", **describe("Document", "The document as it stands now"))
async def cancel(request: Request, id: str, caller: Caller) -> Response:
    """Stop writing. What was spent so far is kept in the log; a finished document stays as it is."""
    return Json(document_json(await engine(request).documents.cancel(caller, run(id))))


def run(id: str) -> RunId:
    """A run's id out of a path. Raises NotYours for what can't be one: it never reaches a store."""
    if not _RUN.fullmatch(id):
        raise NotYours(f"There is no document '{id[:80]}'.")
    return RunId(id)


async def _answer(
    request: Request, caller: Principal, document: Document, *, stream: bool, prefer: str | None
) -> Response:
    """A document that has just been started, in the way that its caller wants it."""
    services = engine(request)
    headers = {"location": f"/v1/documents/{document.id}", "x-chatsmart-trace": document.trace}
    if stream:
        return _events(services, caller, document, 0)
    if prefer is not None and "respond-async" in prefer.lower():
        return Json(
            document_json(document),
            status_code=202,
            headers=headers | {"preference-applied": "respond-async"},
        )
    async with Departure(request.receive) as departure:
        # A caller that leaves stops the waiting, not the writing: the document is in its list.
        document = await services.documents.wait(caller, document.id, WAIT_SECONDS)
        departure.over()
    if document.status == "running":
        return Json(document_json(document), status_code=202, headers=headers)
    headers |= {
        "x-chatsmart-model": ",".join(dict.fromkeys(line.model for line in document.steps if line.model)),
        "x-chatsmart-cache": "miss",
        "x-chatsmart-cost-micros": str(document.cost),
    }
    return Json(document_json(document), status_code=201, headers=headers)


def _events(services: "Services", caller: Principal, document: Document, after: int) -> Response:
    headers = {
        "x-chatsmart-trace": document.trace,
        "x-chatsmart-cache": "miss",
        "content-location": f"/v1/documents/{document.id}",
    }
    return EventStream(services.documents.follow(caller, document.id, after), headers)


def _swaps(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(model, str) for model in value.values()):
        raise BadRequest("'set' must be an object that names a model for each step.", param="set")
    if len(value) > _MOST_SWAPS:
        raise BadRequest(f"'set' names more than {_MOST_SWAPS} steps.", param="set")
    return dict(value)
