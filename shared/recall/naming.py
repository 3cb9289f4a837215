"""What names a request in the cache: the whole of it, all but its last words, and those words' content."""

from dataclasses import dataclass

from shared.core.frozen import quick
from shared.core.leg import Call
from shared.core.prompt import Prompt
from shared.recall.fingerprint import Fingerprinter, frame_parts, key_parts
from shared.recall.near.content import content_key

LONGEST = 2_000
"""Code points of a last message for which another wording is looked for: what is longer is seldom asked twice."""


@quick
@dataclass(frozen=True, slots=True)
class Named:
    """A request's names, 32 bytes each. `words` is the last message, empty where no other wording may stand for it."""

    key: bytes
    frame: bytes
    content: bytes | None
    words: str


def last_words(prompt: Prompt) -> str:
    """The question, where the last message is one and nothing but text."""
    last = prompt.messages[-1] if prompt.messages else None
    if last is None or last.role != "user" or last.images or len(last.text) > LONGEST:
        return ""
    return last.text


class Naming:
    """Names calls with each tenant's own secret."""

    def __init__(self, fingerprints: Fingerprinter) -> None:
        self._fingerprints = fingerprints

    def named(self, call: Call) -> Named:
        """The names of a call that the cache has to do with."""
        caching, prompt, keys = call.caching, call.prompt, self._fingerprints
        assert caching is not None
        near = caching.tier == "near"
        words = last_words(prompt) if near else ""
        parts = key_parts(prompt, caching.choice, caching.policy, caching.template)
        key = keys.key(call.tenant, parts)
        if not words:
            return Named(key, key, None, "")  # a frame of its own
        frame = keys.key(call.tenant, frame_parts(prompt, caching.choice, caching.policy, caching.template))
        content = content_key(words)
        named = None if content is None else keys.key(call.tenant, {"frame": frame.hex(), "content": content})
        return Named(key, frame, named, words)
