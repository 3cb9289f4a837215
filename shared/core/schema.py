"""JSON Schemas as values: checked once, then used to validate."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shared.core.faults import BadRequest

_BACKTRACKS = 100_000
"""Steps that one pattern may go back: some milliseconds."""


@dataclass(frozen=True)
class Schema:
    """A JSON Schema that a structured answer must satisfy. Raises BadRequest where it is itself broken."""

    name: str
    body: Mapping[str, Any]
    strict: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        _ = self._validator

    @cached_property
    def _validator(self) -> Any:
        # Loaded where a schema is used: a cold start that serves plain chat never pays for it.
        import jsonschema_rs

        try:
            # Offline: a tenant's `$ref` must not make us read a file or knock at an address inside the house.
            # Bounded: nor may its patterns take our processor.
            patterns = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
            return jsonschema_rs.validator_for(dict(self.body), offline=True, pattern_options=patterns)
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            reason = str(error).splitlines()[0]
            raise BadRequest(
                f"The JSON Schema '{self.name}' is broken: {reason}", param="response_format"
            ) from None

    def problems(self, value: object) -> tuple[str, ...]:
        """What is wrong with `value`, a sentence each; empty where it is valid."""
        return tuple(
            f"{'/'.join(map(str, error.instance_path)) or 'the value'}: {error.message}"
            for error in self._validator.iter_errors(value)
        )
