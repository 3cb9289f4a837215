"""A pipeline's graph as a run began with it: a re-run has models of its own, and a deployment may have changed them."""

from typing import Any

from shared.core.entry import Entry
from shared.models.catalogue import Catalogue
from shared.runtime.graph import Graph


def as_begun(graph: Graph[Any, Any], first: Entry, catalogue: Catalogue) -> Graph[Any, Any]:
    """`graph` with the models that the run's first row names. Where a step or a model is gone, today's stand."""
    now = {node.step.name: [spec.name for spec in node.step.ladder] for node in graph.nodes}
    known = frozenset(catalogue.names())
    then = {
        step: tuple(catalogue.get(name) for name in names)
        for step, names in first.body["ladders"].items()
        if step in now and now[step] != list(names) and known.issuperset(names)
    }
    return graph.with_ladders(then) if then else graph
