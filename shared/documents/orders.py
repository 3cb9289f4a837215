"""A request for a document, read and checked before anything is held, stored or sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from shared.core.faults import BadBrief, BadRequest
from shared.core.money import Micros
from shared.core.rules import Rules
from shared.core.text import sound
from shared.documents.pipeline import Pipeline, Registry
from shared.guard import allowed as guard

_OWN = frozenset({"pipeline", "brief", "stream", "budget_micros", "template"})
"""What a request may say beside the pipeline's own fields."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written, and for how much at most (micro-dollars; None: the pipeline's own cap)."""

    pipeline: Pipeline
    given: BaseModel
    budget: Micros | None = None


def read_order(registry: Registry, body: Mapping[str, Any]) -> Order:
    """The order in a request's JSON object. Raises BadRequest or BadBrief naming the field.

    `brief` is a text, or an object of the pipeline's fields; these may also stand beside it.
    """
    pipeline = _pipeline(registry, body.get("pipeline"))
    if body.get("template") is not None:
        raise BadRequest("Documents from templates are not served yet.", param="template")
    if not isinstance(body.get("stream", False), bool):
        raise BadRequest("'stream' must be true or false.", param="stream")
    fields = {name: value for name, value in body.items() if name not in _OWN}
    brief = body.get("brief")
    if isinstance(brief, Mapping):
        fields.update(brief)
    elif brief is not None:
        fields["brief"] = brief
    _check_texts(fields)
    return Order(pipeline, _given(pipeline, fields), _budget(body.get("budget_micros")))


def permitted(order: Order, rules: Rules) -> Order:
    """The order with the models that the tenant's policy allows. Raises Forbidden where a step has none left."""
    ladders = {}
    for node in order.pipeline.graph.nodes:
        found = guard.permitted(rules, node.step.ladder, f"step '{node.step.name}'")
        if len(found) != len(node.step.ladder):
            ladders[node.step.name] = found
    if not ladders:
        return order
    return replace(order, pipeline=replace(order.pipeline, graph=order.pipeline.graph.with_ladders(ladders)))


def _pipeline(registry: Registry, name: object) -> Pipeline:
    if not isinstance(name, str) or name not in registry:
        known = ", ".join(sorted(registry))
        said = "is missing" if name is None else f"is {name!r:.80}"
        raise BadRequest(f"'pipeline' {said}; it must be one of: {known}.", param="pipeline")
    return registry[name]


def _budget(value: object) -> Micros | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise BadRequest(
            "'budget_micros' must be a whole number of micro-dollars, 0 or more.", param="budget_micros"
        )
    return Micros(value)


def _given(pipeline: Pipeline, fields: Mapping[str, Any]) -> BaseModel:
    try:
        return pipeline.given.model_validate_json(orjson.dumps(fields), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "brief"
        raise BadBrief(f"'{where}': {first['msg']}.", param=where) from None
    except TypeError as error:
        raise BadBrief(f"The fields are no JSON: {error}.") from None


def _check_texts(fields: Mapping[str, Any]) -> None:
    """Every text in the fields, names included, at any depth. An explicit stack: depth is the caller's choice."""
    open_values: list[tuple[str, object]] = list(fields.items())
    while open_values:
        name, value = open_values.pop()
        sound(name, name.encode("ascii", "replace").decode())
        match value:
            case str():
                sound(value, name)
            case Mapping():
                open_values += ((str(key), inner) for key, inner in value.items())
            case Iterable():
                open_values += ((name, inner) for inner in value)
            case _:
                pass
