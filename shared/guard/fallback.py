"""What is asked instead, in the tenant's own words: where a model declined, and where the money does not reach."""

from collections.abc import Callable
from dataclasses import replace

from shared.core.faults import Fault, OverBudget, Refused
from shared.core.prompt import Message, Prompt
from shared.core.rules import Rules

SHORT = 600
"""Tokens of an answer for which little money is left."""


def when_refused(prompt: Prompt, rules: Rules) -> Prompt:
    """The request with what the tenant wants said before it."""
    return _before(prompt, rules.when_refused)


def when_over_budget(prompt: Prompt, rules: Rules) -> Prompt:
    """The same, with room for a short answer only."""
    short = min(prompt.max_output or SHORT, SHORT)
    return replace(_before(prompt, rules.when_over_budget), max_output=short)


def instead(rules: Rules) -> Callable[[Prompt, Fault], Prompt | None] | None:
    """What the runtime asks where a call failed for one of these; None where the tenant has nothing to say."""
    if not (rules.when_refused or rules.when_over_budget):
        return None

    def found(prompt: Prompt, fault: Fault) -> Prompt | None:
        if isinstance(fault, Refused) and rules.when_refused:
            return when_refused(prompt, rules)
        if isinstance(fault, OverBudget) and rules.when_over_budget:
            return when_over_budget(prompt, rules)
        return None

    return found


def _before(prompt: Prompt, text: str) -> Prompt:
    """With a text at the head of the system message, which comes first in every wire format."""
    first, *rest = prompt.messages
    if first.role == "system":
        return replace(prompt, messages=(replace(first, text=f"{text}\n\n{first.text}"), *rest))
    return replace(prompt, messages=(Message("system", text), *prompt.messages))
