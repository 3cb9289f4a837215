"""What several wires have to say in the same way: images, ids, instructions in words, merged turns."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from mimetypes import guess_type
from urllib.parse import unquote_to_bytes, urlsplit

from shared.core.faults import Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Message, Prompt

JSON_ONLY = "Answer with one JSON object and nothing else."
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")


def inline(url: str) -> tuple[str, str] | None:
    """Media type and base64 text of a `data:` URL; None for another address. Raises Rejected where it is broken."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    if not comma:
        raise Rejected("An image's data: URL has no data.", param="messages")
    kind, *options = head.split(";")
    if "base64" in options:
        return kind or "image/png", data
    return kind or "text/plain", b64encode(unquote_to_bytes(data)).decode()


def media_type(url: str) -> str:
    """A guess from the name; JPEG where it tells nothing."""
    return guess_type(urlsplit(url).path)[0] or "image/jpeg"


def call_id(identifier: str) -> str:
    """A tool call's id as every provider takes it: ids of one provider travel to another on failover.

    OpenAI takes 40 characters, Anthropic letters, digits, `_` and `-`. Others are hashed, call and result alike.
    """
    if _PLAIN_ID.fullmatch(identifier):
        return identifier
    return "call_" + blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def system_text(prompt: Prompt, *extra: str) -> str:
    """All system messages as one, with our own instructions after them."""
    parts = [message.text for message in prompt.messages if message.role == "system"]
    return "\n\n".join(part for part in (*parts, *extra) if part)


def turns(prompt: Prompt) -> Sequence[Message]:
    """The messages that are no system messages."""
    return [message for message in prompt.messages if message.role != "system"]


def merged(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of the same role as one message: some providers demand that roles alternate."""
    out: list[Message] = []
    for message in messages:
        if out and out[-1].role == message.role:
            before = out[-1]
            text = "\n\n".join(part for part in (before.text, message.text) if part)
            out[-1] = replace(before, text=text, images=before.images + message.images)
        else:
            out.append(message)
    return out


def no_continuing(spec: ModelSpec, prompt: Prompt) -> None:
    """Raises Rejected where an exact continuation is asked of a provider that has none."""
    if prompt.continue_final:
        raise Rejected(f"{spec.name} can't continue an unfinished message exactly.")


def sampling(spec: ModelSpec, prompt: Prompt, names: tuple[str, str]) -> dict[str, float]:
    """Temperature and top_p under the wire's names, for models that take them."""
    if not spec.sampling:
        return {}
    values = zip(names, (prompt.temperature, prompt.top_p), strict=True)
    return {name: value for name, value in values if value is not None}
