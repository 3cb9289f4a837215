"""Which side answers a request: by a hash of its conversation, so that a share is kept without any state.

A conversation has a place between 0 and 99.99 for each question (who answers, is it mirrored). A share of p per cent is
the places under p: raising p only ever adds conversations, and no two processes can differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from shared.core.ids import TenantId
from shared.ports.cutovers import Cutover

_PLACES = 10_000
_OWNERS = ("safety_identifier", "user")
"""Who the caller says a request is for, in OpenAI's new and old word."""
_ELSEWHERE = ("previous_response_id", "conversation")
"""What names state that the old path keeps, and nobody else has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`ours`: ChatSmart answers, else the old path. `both`: the other side is asked too, in the background."""

    ours: bool
    both: bool


def choose(cutover: Cutover, body: Mapping[str, Any], raw: bytes) -> Choice:
    """Who answers. `body` is empty where `raw` is no JSON object: the old path knows what to say to that."""
    who = conversation(body, raw)
    ours = place(cutover.tenant, "serve", who) < cutover.serve_percent * 100
    if ours and cutover.serve_percent < 100 and (not body or any(body.get(name) for name in _ELSEWHERE)):
        ours = False
    share = cutover.mirror_percent if ours else cutover.shadow_percent
    # Placed on its own: else a small share of mirrors would always show the same conversations.
    return Choice(ours, place(cutover.tenant, "mirror", who) < share * 100)


def conversation(body: Mapping[str, Any], raw: bytes) -> bytes:
    """What stays the same in all requests of one conversation: whom it is for, else how it begins (all up to the
    first user's message), else the body itself."""
    for name in _OWNERS:
        owner = body.get(name)
        if isinstance(owner, str) and owner:
            return f"{name}={owner}".encode("utf-8", "surrogatepass")
    said = body.get("messages", body.get("input"))
    if isinstance(said, list):
        opening = said
        for position, message in enumerate(said):
            if isinstance(message, dict) and message.get("role") == "user":
                opening = said[: position + 1]
                break
        said = opening
    if not said:
        return raw
    # Texts with half a surrogate pair never got here: the JSON reader refuses them.
    return orjson.dumps([body.get("instructions"), said], option=orjson.OPT_SORT_KEYS)


def place(tenant: TenantId, question: str, who: bytes) -> int:
    """Where a conversation stands for a question, 0 to 9,999, every place as likely as every other."""
    salt = f"{tenant}\x1f{question}".encode()
    found = blake2b(who, key=blake2b(salt, digest_size=32).digest(), digest_size=8).digest()
    return int.from_bytes(found, "big") * _PLACES >> 64
