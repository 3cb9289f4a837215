"""The ingress of webhooks, as small as it can be: bare Starlette over Postgres alone, so that its cold start is a
fraction of the web's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from functions.web import webhooks
from functions.web.body import ClientGone
from shared.core.faults import Fault

if TYPE_CHECKING:
    from shared.config import Settings

_CONNECTIONS = 4


def create_ingress(settings: "Settings") -> Starlette:
    """The app; it connects when it is started."""
    from shared.adapters.postgres.database import Database
    from shared.bootstrap import intake

    database = Database(settings.database_url, size=_CONNECTIONS)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await database.connect()
        try:
            yield
        finally:
            await database.close()

    app = Starlette(
        routes=[Route("/healthz", _healthz), Route(webhooks.STRIPE, webhooks.stripe, methods=["POST"])],
        lifespan=lifespan,
        exception_handlers={Fault: _answer, ClientGone: _nobody},
    )
    app.state.intake = intake(settings, database)
    return app


async def _healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _answer(request: Request, error: Exception) -> Response:
    # Brings FastAPI; what goes well does without.
    from functions.web.errors import response

    return response(request.url.path, error, request.headers.get("x-request-id", ""))


async def _nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)
