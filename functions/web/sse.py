"""Events of a run as a server-sent stream that can be left and come back to."""

import logging
from collections.abc import AsyncGenerator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from functions.web.departure import Departure
from functions.web.heartbeat import BEAT as HEARTBEAT
from functions.web.heartbeat import SECONDS as HEARTBEAT_SECONDS
from functions.web.pump import Pump
from shared.core.event import Event
from shared.core.faults import BadRequest

LOG = logging.getLogger("chatsmart.web")
HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
_MOST_DIGITS = 15


def last_event_id(header: str | None, after: str | None) -> int:
    """The position that a returning reader saw last, 0 for a new one: the header, or `?after=` where a client can't
    set headers. Raises BadRequest where it is not a non-negative whole number."""
    param, text = ("Last-Event-ID", header) if header is not None else ("after", after)
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise BadRequest(f"'{param}' must be the whole number of the last event seen.", param=param)
    return int(text)


class EventStream(Response):
    """Streams `events`. A reader that leaves stops the reading, never the run."""

    def __init__(self, events: AsyncGenerator[Event, None], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the final one."""
        own = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        async with Departure(receive) as departure, Pump(self.events) as pump:
            # The status waits for the first event: what fails before it can still be told with a status of its own.
            batch = await pump.batch(HEARTBEAT_SECONDS)
            await send({"type": "http.response.start", "status": 200, "headers": [*own, *HEADERS]})
            while batch is not None:
                piece = b"".join([event.wire() for event in batch]) or HEARTBEAT
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                batch = await pump.batch(HEARTBEAT_SECONDS)
            departure.over()
        if not departure.gone:
            await send({"type": "http.response.body", "body": b""})
