"""The outermost layer: a request id on every answer, one error mapping, and the short way to the hot routes.

Pure ASGI: Starlette's BaseHTTPMiddleware would copy every chunk of a stream through a queue of its own.
"""

import logging
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.web import limits
from functions.web.body import ClientGone, header
from functions.web.errors import as_fault, response
from functions.web.idempotency import HEADER, REPLAYED, Once, was_replayed
from shared.core.faults import Stopped, TooFast
from shared.ports.clock import Ids

LOG = logging.getLogger("chatsmart.web")
_ALWAYS = ((b"x-content-type-options", b"nosniff"),)


class Edge:
    """Wraps the whole app. `hot` maps (method, path) to an ASGI app that is reached without the router; `once` serves
    what comes with an idempotency key."""

    def __init__(self, app: ASGIApp, ids: Ids, hot: Mapping[tuple[str, str], ASGIApp], once: Once) -> None:
        self.app = app
        self.ids = ids
        self.hot = hot
        self.once = once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; whatever it raises before its answer has begun becomes an error answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = f"req_{self.ids.uuid().hex}"
        extra = ((b"x-request-id", request_id.encode()), *_ALWAYS)
        begun = False

        async def outward(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *extra, *limits.noted(scope)]
                if was_replayed(scope):
                    message["headers"].append(REPLAYED)
            await send(message)

        app = self.hot.get((scope["method"], scope["path"]), self.app)
        try:
            if scope["method"] == "POST" and header(scope, HEADER) is not None:
                await self.once.serve(app, scope, receive, outward)
            else:
                await app(scope, receive, outward)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001  # the one place where every fault becomes an answer
            if isinstance(error, TooFast):
                limits.note(scope, error.remaining)
            self._log(scope, error, request_id)
            if begun:
                # The answer can't be taken back. Leaving it unfinished makes the server close the connection, which
                # every client sees as a break; ending it properly would pass a torso off as the whole.
                return
            await response(scope["path"], error, request_id)(scope, receive, outward)

    def _log(self, scope: Scope, error: Exception, request_id: str) -> None:
        fault, status, _ = as_fault(error)
        if status < 500:
            return
        LOG.error(
            "%s %s failed: %s (%s)",
            scope["method"],
            scope["path"],
            fault.code,
            request_id,
            # Who stopped what is known: a trace for every caller would bury what is not.
            exc_info=None if isinstance(error, Stopped) else error,
            extra={"request_id": request_id, "code": fault.code},
        )
