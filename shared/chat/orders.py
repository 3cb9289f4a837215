"""A chat completion as it is asked for, and which models can do what it asks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.core.faults import BadRequest
from shared.core.ids import RunId
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.models.catalogue import AUTO, Catalogue
from shared.runtime.asking import tokens_at_most, worst_cases

DEFAULT_OUTPUT = 32_768
"""Output tokens, thinking included, where the caller names no limit: what is held must be bounded (law 2)."""
_BYTES_PER_TOKEN = 4
"""A prompt is refused here only where it is surely too long; the provider counts exactly."""


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """What the caller asks: a catalogue name or a choice such as `auto`, a prompt, and how many answers (`n`)."""

    model: str
    prompt: Prompt
    stream: bool = False
    n: int = 1
    run: RunId | None = None
    """What the run is to be called, where it was promised a name; else it gets a new one."""


def prompt_size(prompt: Prompt) -> int:
    """Bytes of text in a prompt, tools and schema left out."""
    return sum(
        len(message.text.encode("utf-8", "surrogatepass"))
        + sum(len(call.arguments) for call in message.tool_calls)
        for message in prompt.messages
    )


def likely_tokens(prompt: Prompt) -> int:
    """About how many tokens a prompt has: what a rate is charged before the provider has counted."""
    return prompt_size(prompt) // _BYTES_PER_TOKEN + 1


def fitting(catalogue: Catalogue, order: ChatOrder) -> tuple[ModelSpec, ...]:
    """The rungs that can do what the prompt needs, in order. Raises UnknownModel, or BadRequest saying what it is
    that the model can't do."""
    ladder = catalogue.ladder(order.model)
    lacks = {spec.name: _lack(spec, order.prompt) for spec in ladder}
    fit = tuple(spec for spec in ladder if not lacks[spec.name])
    if not fit:
        reason = lacks[ladder[0].name]
        raise BadRequest(
            f"{_said(order.model, ladder[0])} {reason}.",
            param="messages" if "context window" in reason else "model",
            provider_code="context_length_exceeded" if "context window" in reason else None,
        )
    return fit


def bounded(prompt: Prompt, ladder: tuple[ModelSpec, ...]) -> Prompt:
    """The prompt with a limit on its output: the caller's, else ours, and no more than any rung gives."""
    limit = min(prompt.max_output or DEFAULT_OUTPUT, *(spec.max_output for spec in ladder))
    return prompt if prompt.max_output == limit else replace(prompt, max_output=limit)


def worst_case(prompt: Prompt, specs: Sequence[ModelSpec], at: datetime) -> Micros:
    """The most that one answer can cost on any of these models, in micro-dollars. Those without a price at `at` are
    left out; the runtime refuses where none has one."""
    found = worst_cases(prompt, specs, tokens_at_most(prompt), at)
    return Micros(max((cost for cost, _ in found.values()), default=0))


def _lack(spec: ModelSpec, prompt: Prompt) -> str:
    tokens = prompt_size(prompt) // _BYTES_PER_TOKEN
    if tokens > spec.window:
        return f"has a context window of {spec.window} tokens; this prompt has about {tokens}"
    if prompt.tools and not spec.tools:
        return "can't call tools"
    if (prompt.schema is not None or prompt.json_object) and not spec.schema:
        return "can't be held to a JSON Schema"
    if any(message.images for message in prompt.messages) and not spec.images:
        return "can't read images"
    return ""


def _said(asked: str, spec: ModelSpec) -> str:
    return (
        f"The model '{spec.name}'" if asked not in AUTO else f"No model behind '{asked}' fits: '{spec.name}'"
    )
