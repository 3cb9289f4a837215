"""Which models a tenant's policy allows. Pure, and cheap enough to be asked for every call."""

from collections.abc import Sequence

from shared.core.faults import Forbidden
from shared.core.model_spec import ModelSpec
from shared.core.rules import Rules

_MOST = 1_024
_Key = tuple[int, frozenset[str] | None, frozenset[str] | None, frozenset[str] | None]
_known: dict[_Key, tuple[Sequence[ModelSpec], tuple[ModelSpec, ...]]] = {}
"""What was asked before: the router keeps what it works out by the identity of its candidates."""


def allowed(rules: Rules, specs: Sequence[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Those of `specs` that the policy allows, in their order; the same tuple for the same ones each time, and `specs`
    itself where all are."""
    if rules.providers is None and rules.regions is None and rules.models is None:
        return tuple(specs)
    key = (id(specs), rules.providers, rules.regions, rules.models)
    found = _known.get(key)
    if found is not None and found[0] is specs:
        return found[1]
    fit = tuple([spec for spec in specs if not why_not(rules, spec)])
    if len(fit) == len(specs):
        fit = tuple(specs)
    if not isinstance(specs, tuple):
        return fit  # it could be another one tomorrow
    if len(_known) >= _MOST:
        _known.clear()
    _known[key] = (specs, fit)
    return fit


def why_not(rules: Rules, spec: ModelSpec) -> str:
    """What the policy has against a model, as the end of a sentence; empty: nothing."""
    if rules.models is not None and spec.name not in rules.models:
        return f"it is not among the models allowed ({_list(rules.models)})"
    if rules.providers is not None and spec.provider not in rules.providers:
        return f"its provider '{spec.provider}' is not among those allowed ({_list(rules.providers)})"
    if rules.regions is not None and not spec.regions <= rules.regions:
        return f"it may be processed in {_list(spec.regions)}, and the regions allowed are {_list(rules.regions)}"
    return ""


def permitted(rules: Rules, specs: Sequence[ModelSpec], asked: str) -> tuple[ModelSpec, ...]:
    """`allowed`. `asked` is what the caller named: a model, a choice such as `auto`, or `step 'draft'`. Raises
    Forbidden, naming the policy and it, where none of some is left."""
    found = allowed(rules, specs)
    if found or not specs:
        return found
    policy = f"The tenant's policy (version {rules.version})"
    first = specs[0]
    if first.name == asked:
        raise Forbidden(
            f"{policy} does not allow the model '{asked}': {why_not(rules, first)}.", param="model"
        )
    raise Forbidden(
        f"{policy} allows no model for {asked}; of '{first.name}': {why_not(rules, first)}.",
        param=None if " " in asked else "model",
    )


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
