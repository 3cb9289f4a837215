"""Taking in what Stripe tells us: verified, kept, answered. What it means is read from Stripe again when it is handled,
so neither its order nor its age matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from shared.core.faults import BadRequest
from shared.ports.clock import Clock
from shared.ports.inbox import Inbox, Notice
from shared.ports.signature import Signature

SOURCE = "stripe"


@dataclass(frozen=True, slots=True)
class Intake:
    """The one way in for Stripe's events."""

    signature: Signature
    inbox: Inbox
    clock: Clock

    async def take(self, body: bytes, signature: str) -> bool:
        """Keep an event; whether it is new. Raises Forbidden for a wrong signature, BadRequest for what is no event,
        Unavailable: then Stripe sends it again."""
        self.signature.check(body, signature)
        event = _event(body)
        return await self.inbox.put(
            Notice(SOURCE, _text(event, "id"), _text(event, "type"), self.clock.now(), body)
        )


def _event(body: bytes) -> Mapping[str, Any]:
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(event, dict):
        raise BadRequest("The body is no event: it must be a JSON object.")
    return event


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value or "\0" in value or len(value) > 255:
        raise BadRequest(f"The event has no usable '{name}'.", param=name)
    return value
