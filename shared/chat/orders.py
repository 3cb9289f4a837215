"""Which models can do what a chat asks, who is to answer it, and the most that it can cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.chat.order import ChatOrder
from shared.core.faults import BadRequest, Fault, Overloaded, Stopped, Throttled
from shared.core.frozen import quick
from shared.core.leg import Caching
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros
from shared.core.prompt import Prompt
from shared.core.rules import NO_RULES, Rules
from shared.guard.allowed import allowed, permitted
from shared.models.breaker import throttles
from shared.models.catalogue import AUTO, Catalogue
from shared.models.router import Route, Router, Size
from shared.ports.stops import SAID
from shared.runtime.asked import tokens_at_most, worst_cases

DEFAULT_OUTPUT = 32_768
"""Output tokens, thinking included, where the caller names no limit: what is held must be bounded (law 2)."""
_STOPPED = f"quarantined: {SAID}"
"""How the reason of a model begins that is out because an operator stopped its tier."""
_USUAL_OUTPUT = 1_000
"""Output tokens that an answer is taken to have where models are compared by cost."""
_BYTES_PER_TOKEN = 4
"""A prompt is refused here only where it is surely too long; the provider counts exactly."""


MOST_RUNGS = 4
"""Models that a choice such as `auto` goes down to: each makes the hold as large as its own worst case."""


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


@quick
@dataclass(frozen=True, slots=True)
class Served:
    """Who may answer, in order, who may finish what another began, why it is they, and about how many tokens the
    prompt has."""

    ladder: tuple[ModelSpec, ...]
    finishers: tuple[ModelSpec, ...]
    why: Mapping[str, Any]
    tokens: int


def caching_of(order: ChatOrder, rules: Rules) -> Caching | None:
    """How the cache is to treat a chat. An answer that was to be random, or one of several, is not the next one's."""
    random = bool(order.prompt.temperature) or order.prompt.top_p not in (None, 1, 1.0)
    if rules.cache == "off" or order.cache == "off" or order.n > 1 or (random and order.cache != "use"):
        return None
    return Caching(
        rules.cache,
        rules.cache_seconds,
        rules.digest,
        order.model,
        refresh=order.cache == "refresh",
        tags=order.tags,
    )


def cheapest(catalogue: Catalogue, order: ChatOrder, rules: Rules, at: datetime) -> str:
    """Whom to ask where money is short: a model that was named stays, of a choice the cheapest that may answer."""
    if order.model not in AUTO:
        return order.model
    specs = permitted(rules, fitting(catalogue, order), order.model)
    found = worst_cases(order.prompt, specs, tokens_at_most(order.prompt), at)
    return min(found, key=lambda name: found[name][0], default=order.model)


def routed(
    catalogue: Catalogue, router: Router, order: ChatOrder, at: datetime, rules: Rules = NO_RULES
) -> Served:
    """Who is to answer an order. Raises UnknownModel, BadRequest saying what it is that the model can't do, and
    Overloaded, Throttled or Stopped where nobody who can is up."""
    prompt, need = order.prompt, catalogue.choice(order.model)
    tokens = likely_tokens(prompt)
    size = Size(
        tokens,
        min(prompt.max_output or _USUAL_OUTPUT, DEFAULT_OUTPUT),
        prompt.schema is not None or prompt.json_object,
        bool(prompt.tools),
        any(message.images for message in prompt.messages),
    )
    candidates = permitted(rules, catalogue.candidates(order.model), order.model)
    route = router.route(candidates, need, size)
    if not route.rungs:
        fitting(catalogue, order)
        raise _down(route, at)
    if need is not None:
        return Served(route.rungs[:MOST_RUNGS], (), route.why, tokens)
    finishers = catalogue.finishers(route.rungs[0]) if order.fallback == "finish" else ()
    fit = tuple([spec for spec in allowed(rules, finishers) if not _lack(spec, prompt, tokens - 1)])
    return Served(route.rungs, fit, route.why, tokens)


def _down(route: Route, at: datetime) -> Fault:
    """Why nobody can be asked now, and when to come back."""
    reasons: list[str] = list(route.why["dropped"].values())
    if reasons and all(reason.startswith(_STOPPED) for reason in reasons):
        said = reasons[0].removeprefix(_STOPPED).rstrip(".")
        return Stopped(f"An operator has stopped our own models: {said}.")
    kind = Throttled if all(throttles(reason) for reason in reasons) else Overloaded
    wait = None if route.until is None else max((route.until - at).total_seconds(), 0.5)
    return kind(f"No model that may answer can be asked now ({'; '.join(reasons)}).", retry_after=wait)


def fitting(catalogue: Catalogue, order: ChatOrder) -> tuple[ModelSpec, ...]:
    """The models that can do what the prompt needs. Raises UnknownModel, or BadRequest saying what it is that the model
    can't do."""
    ladder = catalogue.candidates(order.model)
    tokens = likely_tokens(order.prompt) - 1
    lacks = {spec.name: _lack(spec, order.prompt, tokens) for spec in ladder}
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


def worst_case(prompt: Prompt, request: bytes, specs: Sequence[ModelSpec], at: datetime) -> Micros:
    """The most that one answer can cost on any of these models, in micro-dollars; `request` is the prompt's canonical
    form. Models without a price at `at` are left out; the runtime refuses where none has one."""
    found = worst_cases(prompt, specs, tokens_at_most(prompt, request), at)
    return Micros(max((cost for cost, _ in found.values()), default=0))


def _lack(spec: ModelSpec, prompt: Prompt, tokens: int) -> str:
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
