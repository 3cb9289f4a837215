"""Prompt caching as the providers report it: a long prefix read before under the same key counts as cached.

Only counts change; answers never depend on it. Prefixes are kept as hashes of 128-token steps.
"""

import hashlib
import time
from collections import OrderedDict
from functools import lru_cache

from infra.simulator import tokens
from infra.simulator.answer import Ask, Usage

_STEP_TOKENS = 128
_STEP_CHARS = _STEP_TOKENS * 4
_LEAST_TOKENS = 1_024
_FIVE_MINUTES = 300
_KEPT = 200_000


@lru_cache(maxsize=128)
def _steps(prompt: str) -> tuple[bytes, ...]:
    digest = hashlib.blake2b(digest_size=12)
    found = []
    for start in range(0, len(prompt) - _STEP_CHARS + 1, _STEP_CHARS):
        digest.update(prompt[start : start + _STEP_CHARS].encode("utf-8", "surrogatepass"))
        found.append(digest.digest())
    return tuple(found)


class PromptCache:
    """What each key has sent lately, by prefix, with the second at which it is forgotten."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str, bytes], float] = OrderedDict()

    def usage(self, ask: Ask, prompt: str, output: int, reasoning: int, key: str) -> Usage:
        """The tokens of this exchange; remembers its prefix for the next. `prompt` is all that the model reads."""
        total = tokens.read(prompt)
        if ask.extra.get("prompt_ids"):  # what it wrote before counts for as many tokens as it did then
            total = tokens.read(prompt.removesuffix(ask.prefill)) + tokens.written(ask.prefill)
        if total < _STEP_TOKENS:
            return Usage(total, output, reasoning)
        least = _STEP_TOKENS if ask.model.provider == "llama" else _LEAST_TOKENS
        if ask.model.provider == "perplexity" or total < least:
            return Usage(total, output, reasoning)
        salt = f"{key}\x00{ask.extra.get('cache_salt', '')}"
        if ask.cache_points is not None:
            return self._pointed(ask, salt, _steps(prompt), Usage(total, output, reasoning))
        steps = _steps(prompt)
        known = self._known(ask.model.id, salt, steps)
        self._remember(ask.model.id, salt, steps, _FIVE_MINUTES)
        read = known * _STEP_TOKENS if known * _STEP_TOKENS >= least else 0
        write = (len(steps) - known) * _STEP_TOKENS if ask.model.provider == "openai" else 0
        return Usage(total, output, reasoning, read, min(write, total - read))

    def _pointed(self, ask: Ask, salt: str, steps: tuple[bytes, ...], plain: Usage) -> Usage:
        """Anthropic: only up to the last breakpoint is read or written, and only where the caller marked one."""
        points = ask.cache_points or ()
        marked = [(min(point.chars // _STEP_CHARS, len(steps)), point.ttl) for point in points]
        marked = [(end, ttl) for end, ttl in marked if end * _STEP_TOKENS >= _LEAST_TOKENS]
        if not marked:
            return plain
        end = max(end for end, _ in marked)
        known = self._known(ask.model.id, salt, steps[:end])
        read = known * _STEP_TOKENS if known * _STEP_TOKENS >= _LEAST_TOKENS else 0
        from_step = read // _STEP_TOKENS
        long_end = max((end for end, ttl in marked if ttl > _FIVE_MINUTES), default=0)
        hour = max(0, long_end - from_step) * _STEP_TOKENS
        written = (end - from_step) * _STEP_TOKENS
        for at, ttl in marked:
            self._remember(ask.model.id, salt, steps[:at], ttl)
        return Usage(plain.input, plain.output, plain.reasoning, read, written, hour)

    def _known(self, model: str, salt: str, steps: tuple[bytes, ...]) -> int:
        """How many leading steps are still remembered."""
        now = time.monotonic()
        low, high = 0, len(steps)
        while low < high:
            middle = (low + high + 1) // 2
            if self._seen.get((model, salt, steps[middle - 1]), 0.0) > now:
                low = middle
            else:
                high = middle - 1
        return low

    def _remember(self, model: str, salt: str, steps: tuple[bytes, ...], ttl: int) -> None:
        until = time.monotonic() + ttl
        for step in steps:
            place = (model, salt, step)
            self._seen[place] = max(until, self._seen.get(place, 0.0))
            self._seen.move_to_end(place)
        while len(self._seen) > _KEPT:
            self._seen.popitem(last=False)

    def clear(self) -> None:
        """Forgets everything."""
        self._seen.clear()
