"""A graph as Mermaid: the plan, or a run of it with who served each step, its cost, its time and its cuts."""

from typing import TYPE_CHECKING, Any

from shared.core.money import show

if TYPE_CHECKING:
    from shared.runtime.graph import Graph, Node
    from shared.runtime.view import RunView, StepView

_SECOND = 1000


def draw(graph: "Graph[Any, Any]", view: "RunView | None" = None) -> str:
    """Mermaid text, the same for the same graph and run. Nodes are steps, edges the types that travel."""
    lines = ["flowchart TD", f'    given(["{graph.given.__name__}"])']
    for node in graph.nodes:
        opening, closing = ("[", "]") if node.step.acts else ("[/", "/]")
        label = "<br/>".join([_title(node), *_served(node, view)])
        lines.append(f'    {node.step.name}{opening}"{label}"{closing}')
    lines.append(f'    goal(["{graph.goal.__name__}"])')
    for node in graph.nodes:
        for source, (_, slot) in zip(node.sources, node.step.takes, strict=True):
            lines.append(f'    {_origin(graph, source)} -- "{slot}" --> {node.step.name}')
    lines.append(f"    {_origin(graph, graph.goal_at)} --> goal")
    lines += _styles(graph, view)
    return "\n".join(lines) + "\n"


def _origin(graph: "Graph[Any, Any]", source: int) -> str:
    return "given" if source == 0 else graph.nodes[source - 1].step.name


def _title(node: "Node") -> str:
    return f"{node.step.name} ×{node.step.width}" if node.step.width else node.step.name


def _served(node: "Node", view: "RunView | None") -> list[str]:
    step = node.step
    if view is None:
        rungs = [" → ".join(rung.name for rung in step.ladder)] if step.ladder else []
        limit = [f"≤ {show(step.budget.micros)}"] if step.ladder and step.budget.micros is not None else []
        return rungs + limit
    lanes = [lane for lane in view.steps if lane.step == step.name]
    if not lanes:
        return ["not run"] if step.acts else []
    models = ", ".join(dict.fromkeys(lane.model for lane in lanes if lane.model))
    price = show(sum(lane.cost for lane in lanes)) + (
        " + unpriced" if any(lane.unpriced for lane in lanes) else ""
    )
    slowest = max((lane.total_ms or 0 for lane in lanes), default=0)
    figures = [models] if models else []
    figures.append(f"{price}, {slowest / _SECOND:.1f} s")
    return figures + _remarks(lanes)


def _remarks(lanes: "list[StepView]") -> list[str]:
    found = []
    if len(lanes) > 1:
        found.append(f"{len(lanes)} lanes")
    cuts = sum(lane.cuts for lane in lanes)
    if cuts:
        found.append(f"cut {cuts}×")
    attempts = max(lane.attempt for lane in lanes)
    if attempts > 1:
        found.append(f"attempt {attempts}")
    if all(lane.borrowed for lane in lanes):
        found.append("from the log")
    if any(lane.simulated for lane in lanes):
        found.append("simulated")
    found += sorted({lane.status for lane in lanes} - {"finished"})
    return found


def _styles(graph: "Graph[Any, Any]", view: "RunView | None") -> list[str]:
    if view is None:
        return []
    failed = {lane.step for lane in view.steps if lane.status in ("failed", "cancelled")}
    names = [node.step.name for node in graph.nodes if node.step.name in failed]
    return [f"    style {name} stroke:#b00020,stroke-width:2px" for name in names]
