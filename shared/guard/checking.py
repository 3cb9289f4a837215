"""What a tenant lets no answer say, as the filter that the runtime puts every answer through."""

from collections.abc import Callable

from shared.core.rules import OutputRules, Rules
from shared.guard.output import OutputGuard
from shared.guard.redact.names import Names


def checking(rules: Rules) -> Callable[[], OutputGuard] | None:
    """Makes the filter of one answer; None where the policy forbids nothing."""
    output = rules.output
    return (lambda: _guard(output)) if output.phrases or output.types else None


class _Removed(Names):
    """Says what stood there, for good. What was hidden on the way in is the caller's own and stays to come back."""

    def mark(self, type_: str, original: str) -> str:
        """The word for it."""
        return original if type_ == "MARK" else f"[{type_.lower().replace('_', ' ')} removed]"


def _guard(output: OutputRules) -> OutputGuard:
    from shared.guard.redact.stream import StreamRedactor

    return OutputGuard(output, StreamRedactor(output.types, _Removed()) if output.types else None)
