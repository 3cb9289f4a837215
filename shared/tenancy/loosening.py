"""What a member may change in a policy: make it stricter. What loosens it takes an operator."""

from shared.core.rules import REDACTABLE, Rules


def loosened(old: Rules, new: Rules) -> str:
    """The first field in which `new` allows, shows or lets go of something that `old` does not, or that is not a
    member's; empty: none is.

    Free in both directions are the cache and the fallback prompts: they protect nobody. Whether the log keeps bodies
    and how long anything is kept are an operator's in both directions: to keep more shows more, to keep less destroys
    evidence, and a stolen key could do either.
    """
    for name in ("providers", "regions", "models"):
        before, after = getattr(old, name), getattr(new, name)
        if before is not None and (after is None or not after <= before):
            return f"models.{name}"
    if not _types(old.redact) <= _types(new.redact):
        return "redact"
    if not set(old.output.phrases) <= set(new.output.phrases):
        return "output.phrases"
    if not _types(old.output.types) <= _types(new.output.types):
        return "output.types"
    if old.output.then == "refuse" != new.output.then and (old.output.phrases or old.output.types):
        return "output.then"
    if old.bodies != new.bodies:
        return "log.bodies"
    if dict(old.retention) != dict(new.retention):
        return "retention"
    if old.legal_hold and not new.legal_hold:
        return "legal_hold"
    return ""


def _types(types: frozenset[str]) -> frozenset[str]:
    """`*` stands for later types too: it is more than all that there are now."""
    return types | REDACTABLE if "*" in types else types
