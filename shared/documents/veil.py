"""What a document's run hides from models, log and cache, and what its owner sees in that place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from pydantic import ValidationError

from shared.core.event import Event
from shared.core.faults import BadBrief
from shared.documents.orders import Order
from shared.documents.replayed import Replayed
from shared.guard.hiding import Hiding, shown
from shared.ports.shelf import Document
from shared.ports.vault import Vault
from shared.recall.normalise import normalise

_MARK = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}"


def veiled(order: Order, hiding: Hiding) -> Order:
    """The order with its texts in canonical form and without what is to be hidden."""
    given = order.given.model_dump(mode="json")
    clear = hiding.json(_normal(given))
    if clear == given:
        return order
    try:
        return replace(
            order, given=order.pipeline.given.model_validate_json(orjson.dumps(clear), strict=True)
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "brief"
        raise BadBrief(f"'{where}', without what your policy hides: {first['msg']}.", param=where) from None


class Unveiled:
    """Shows an owner what placeholders of one run stand for. The vault is asked once, and only where there are any."""

    __slots__ = ("_document", "_marks", "_vault")

    def __init__(self, vault: Vault, document: Document) -> None:
        self._vault, self._document = vault, document
        self._marks: Any = None

    async def document(self) -> Document:
        """The document itself."""
        found = self._document
        texts = orjson.dumps([found.text, found.data, found.given], default=dict)
        if _MARK.encode() not in texts:
            return found
        marks = await self._known()
        return found.with_(
            text=shown(found.text, marks), data=shown(found.data, marks), given=shown(found.given, marks)
        )

    async def event(self, event: Event) -> Event:
        """One of its events."""
        if _MARK.encode() not in orjson.dumps(event.data, default=dict):
            return event
        return replace(event, data=shown(event.data, await self._known()))

    async def events(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Several of its events."""
        return tuple([await self.event(event) for event in events])

    async def replayed(self, found: Replayed) -> Replayed:
        """The document as its log gives it: the bytes that its readers got. Whether they are identical was decided
        before."""
        own = Unveiled(self._vault, found.document)
        return replace(found, document=await own.document(), events=await own.events(found.events))

    async def _known(self) -> Any:
        if self._marks is None:
            self._marks = await self._vault.marks(self._document.tenant, self._document.id)
        return self._marks


def _normal(value: Any) -> Any:
    match value:
        case str():
            return normalise(value)
        case dict():
            return {name: _normal(inner) for name, inner in value.items()}
        case list():
            return [_normal(inner) for inner in value]
        case _:
            return value
