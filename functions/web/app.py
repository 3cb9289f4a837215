"""The web app: create_app(services) -> FastAPI. Imports no modal and, until a request needs it, no SDK."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from functions.web import (
    audit,
    cache,
    capacity,
    chat,
    cutover,
    documents,
    health,
    keys,
    models,
    openapi,
    operator,
    operator_stop,
    pages,
    pipelines,
    plugins,
    policy,
    responses,
    retention,
    webhooks,
)
from functions.web.edge import Edge
from functions.web.generation import Generation
from functions.web.idempotency import Once
from functions.web.principal import Principals

if TYPE_CHECKING:
    from functions.web.supabase_token import SupabaseTokens
    from shared.bootstrap import Services

_MODULES = (
    models,
    documents,
    keys,
    policy,
    plugins,
    cache,
    cutover,
    audit,
    retention,
    operator,
    operator_stop,
    capacity,
    pipelines,
    health,
    pages,
)
# FastAPI's own telemetry would open spans beside those that we read off the log.
_QUIET: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class _App(FastAPI):
    """FastAPI, with a shorter way to the hot routes: its own layers have nothing to do there, and each of them costs
    every chunk of a stream a call."""

    front: Edge | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve by the edge alone what the edge serves without the router."""
        front = self.front
        if front is not None and scope["type"] == "http" and (scope["method"], scope["path"]) in front.hot:
            await front(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(services: "Services") -> FastAPI:
    """The app over an engine that it starts and closes with itself."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await services.start()
        try:
            # On one laptop nobody else runs the jobs; deployed, each is a schedule of its own.
            async with _jobs(services):
                yield
        finally:
            await services.close()

    app = _App(
        title="ChatSmart",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_QUIET,
    )
    principals = Principals(services.keys, services.clock, _tokens(services))
    app.state.services = services
    app.state.intake = services.intake
    app.state.principals = principals
    hot: dict[str, ASGIApp] = {
        chat.PATH: Generation(services, principals, chat.ChatCompletions()),
        responses.PATH: Generation(services, principals, responses.Responses()),
    }
    for path, endpoint in hot.items():
        # The router knows the routes too, so that another method there is a 405.
        app.router.routes.append(Route(path, endpoint, methods=["POST"]))
    app.router.routes.append(Route(webhooks.STRIPE, webhooks.stripe, methods=["POST"]))
    for module in _MODULES:
        # Nothing is added to them here; `include_router` works every route out a second time.
        app.router.routes.extend(module.router.routes)
    posted = {("POST", path): endpoint for path, endpoint in hot.items()}
    once = Once(services, principals)
    app.front = Edge(app.router, services.ids, posted, once)
    app.add_middleware(Edge, ids=services.ids, hot=posted, once=once)
    # Both are ours to render: FastAPI's handlers know neither problem documents nor OpenAI's shape.
    app.add_exception_handler(HTTPException, _to_the_edge)
    app.add_exception_handler(RequestValidationError, _to_the_edge)
    openapi.install(app)
    return app


def _jobs(services: "Services") -> AbstractAsyncContextManager[None]:
    if services.settings.env != "local":
        return nullcontext()
    # No deployed cold start needs the timers.
    from functions.jobs.timer import timers

    return timers(services)


async def _to_the_edge(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names the methods of the first route that fits; a path may have one route for each method.
        error.headers = {"allow": ", ".join(_methods(request.url.path))}
    raise error


def _methods(path: str) -> list[str]:
    routes = [route for module in _MODULES for route in module.router.routes if isinstance(route, Route)]
    fitting = [route for route in routes if route.path_regex.match(path)]
    # `/v1/documents/quote` also fits `/v1/documents/{id}`: the path that says more is meant.
    meant = min((route.path for route in fitting), key=lambda template: template.count("{"), default="")
    found = {method for route in fitting if route.path == meant for method in route.methods or ()}
    return sorted(found) or ["POST"]  # those of the hot paths, which are in no module's router


def _tokens(services: "Services") -> "SupabaseTokens | None":
    settings = services.settings
    if not settings.supabase_jwks_url:
        return None
    from functions.web.supabase_token import SupabaseTokens, http_fetch

    issuer = f"{settings.supabase_url.rstrip('/')}/auth/v1"
    return SupabaseTokens(http_fetch(settings.supabase_jwks_url), issuer, services.clock)
