"""A pipeline: a graph, and how its result reads as a document."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from shared.runtime.graph import Graph


class Written(Protocol):
    """What every pipeline's goal offers: the document as Markdown."""

    @property
    def text(self) -> str:
        """The document, to be read."""
        ...


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A named graph from typed fields to a written result. Registered in `shared/pipelines/__init__.py`."""

    graph: Graph[Any, Any]
    given: type[BaseModel]
    goal: type[BaseModel]
    summary: str

    @property
    def name(self) -> str:
        """The value of `pipeline` in a request."""
        return self.graph.name

    def fields(self) -> Mapping[str, Any]:
        """The fields that a request may give, as JSON Schema."""
        return self.given.model_json_schema()

    def result(self) -> Mapping[str, Any]:
        """What `data` of a finished document satisfies, as JSON Schema."""
        return self.goal.model_json_schema(mode="serialization")


Registry = Mapping[str, Pipeline]
