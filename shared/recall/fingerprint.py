"""What a request is called in the cache: names that only its tenant can make, over all that can change its answer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from hmac import digest as hmac
from typing import Any

import orjson

from shared.core.ids import TenantId
from shared.core.prompt import Message, Prompt
from shared.recall.normalise import VERSION, normalise

SCHEMA = 1
"""Version of what is put into a key; another one forgets all that is stored."""
_LEAST = 16
"""Bytes of a secret."""


class Fingerprinter:
    """Makes keys of 32 bytes with a secret of each tenant's own, derived from the house's.

    A tenant's keys say nothing of another's, and without the secret nobody can tell whether a prompt was asked: the
    same words give every tenant another key.
    """

    __slots__ = ("_of",)

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError for a secret of fewer than 16 bytes."""
        if len(secret) < _LEAST:
            raise ValueError(f"The cache's secret must have {_LEAST} bytes at least, not {len(secret)}.")

        @lru_cache(4096)
        def of(tenant: str) -> bytes:
            return hmac(secret, b"chatsmart prompt cache\x00" + _bytes(tenant), "sha256")

        self._of = of

    def key(self, tenant: TenantId, parts: Mapping[str, Any]) -> bytes:
        """HMAC-SHA-256 over the canonical JSON of schema, normaliser, tenant and `parts`: 32 bytes. Values are JSON,
        dataclasses, or mappings; the order of `parts` itself does not matter."""
        named = {"schema": SCHEMA, "normaliser": VERSION, "tenant": tenant, "parts": sorted(parts.items())}
        return hmac(self._of(tenant), _json(named), "sha256")


def digest(text: str) -> str:
    """SHA-256 of a canonical text as 64 hex digits: the same everywhere, no secret in it."""
    return sha256(_bytes(text)).hexdigest()


def canonical_prompt(prompt: Prompt) -> Prompt:
    """The prompt with the canonical form of every message; the same object where that is what it has. Arguments of
    tool calls, addresses of images and schemas stay to the byte; so does a message that is to be continued, since what
    stands at its end is where the model goes on."""
    messages = prompt.messages
    changed: list[Message] | None = None
    for index, message in enumerate(messages):
        text = message.text
        if (found := normalise(text)) is text or (prompt.continue_final and index == len(messages) - 1):
            continue
        if changed is None:
            changed = list(messages)
        changed[index] = replace(message, text=found)
    return prompt if changed is None else replace(prompt, messages=tuple(changed))


def key_parts(prompt: Prompt, choice: str, policy: str, template: str = "", **more: Any) -> dict[str, Any]:
    """All that can change an answer: what the exact key is made of.

    `prompt` is canonical; every field it has is part of the key, also those that come later. `choice` is what the
    caller asked for (a model or `auto`), `policy` what the tenant's policy does to answers (`Rules.digest`), `template`
    the name and version of the template or pipeline that made the prompt, `more` whatever else the caller knows. The
    order of a schema's properties counts: models answer in it.
    """
    return {"prompt": prompt, "choice": choice, "policy": policy, "template": template, **more}


def frame_parts(prompt: Prompt, choice: str, policy: str, template: str = "", **more: Any) -> dict[str, Any]:
    """`key_parts` without the words of the last user's message, and which message that is: equal for two requests that
    differ in those words alone. Without such a message it is the frame of that one request."""
    messages, last = prompt.messages, -1
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user":
            last = index
            blank = replace(messages[index], text="")
            prompt = replace(prompt, messages=(*messages[:index], blank, *messages[index + 1 :]))
            break
    return {**key_parts(prompt, choice, policy, template, **more), "frame": last}


def last_words(prompt: Prompt) -> str:
    """The words that a frame leaves out."""
    return next((message.text for message in reversed(prompt.messages) if message.role == "user"), "")


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_plain)
    except TypeError:
        # Half a surrogate pair, or a number of more than 64 bits in a schema.
        return json.dumps(_open(value), separators=(",", ":"), allow_nan=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no part of a key")


def _open(value: Any) -> Any:
    """A value as plain JSON, dataclasses and mappings taken apart."""
    if isinstance(value, Mapping):
        return {str(name): _open(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_open(part) for part in value]
    if isinstance(value, frozenset | set):
        return [_open(part) for part in sorted(value)]
    if value is None or isinstance(value, str | int | float):
        return value
    names = getattr(type(value), "__dataclass_fields__", None)
    if names is None:
        raise TypeError(f"{type(value).__name__} is no part of a key")
    return {name: _open(getattr(value, name)) for name in names}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
