"""A call as the log names it, and the most that it can cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.core.faults import BadRequest
from shared.core.frozen import quick
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.runtime.step import Ladder

IMAGE_TOKENS = 6_000
"""More than any provider counts for one image at full detail."""
BYTES_PER_TOKEN = 1
"""No token is shorter than a byte: a bound that no text beats, so that a hold is never too small (law 2)."""
GOING_ON = 512
"""Tokens, at most, of the request to go on with an answer that broke off."""
TOKENS_PER_MESSAGE = 16
"""What wire formats add around a message."""


@quick
@dataclass(frozen=True, slots=True)
class Asked:
    """A call as the log names it."""

    prompt: Prompt
    request: bytes
    key: str
    occurrence: int
    ladder: Ladder
    stream: bool
    finishers: Ladder = ()
    why: Mapping[str, Any] | None = None
    values: bool = False
    """Whether readers are told what a structured answer holds so far."""


def canonical(prompt: Prompt, label: str) -> bytes:
    """A prompt as bytes: equal prompts, equal bytes, on every machine. Raises BadRequest where it is no JSON."""
    try:
        return orjson.dumps([label, prompt], default=dict, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise BadRequest(f"The prompt can't be written as JSON: {error}.") from None


def tokens_at_most(prompt: Prompt, request: bytes | None = None) -> int:
    """An upper bound of the tokens that a prompt takes; `request` is its canonical form where that is known."""
    images = [image for message in prompt.messages for image in message.images]
    size = len(request or canonical(prompt, "")) - sum(len(image.url) for image in images)
    around = TOKENS_PER_MESSAGE * (len(prompt.messages) + 1)
    return size // BYTES_PER_TOKEN + around + IMAGE_TOKENS * len(images)


def worst_cases(
    prompt: Prompt, specs: Sequence[ModelSpec], read: int, at: datetime
) -> dict[str, tuple[int, int]]:
    """The most that an answer to a prompt of at most `read` tokens can cost and take on each of these models, one of
    which may have to finish what another began: micro-dollars and tokens. Models without a price at `at` are left out.
    """
    found: dict[str, tuple[int, int]] = {}
    for spec in specs:
        wrote = min(prompt.max_output or spec.max_output, spec.max_output)
        # A later leg has to read what an earlier one wrote, to go on from there.
        more = read + wrote + GOING_ON if len(specs) > 1 else read
        try:
            found[spec.name] = (spec.worst_case(more, wrote, at), more + wrote)
        except LookupError:
            continue
    return found
