"""The drawings of a graph: the plan, and a run with who served each step."""

from shared.core.faults import (
    Refused,
)  # fmt: skip
from shared.fakes.models import says
from shared.runtime.run import run
from tests.unit.runtime_kit import (
    BOOK,
    GIVEN,
    Home,
    flaky,
    script,
)  # fmt: skip

PLAN = """flowchart TD
    given(["Brief"])
    research["research<br/>claude-sonnet-5-5 → gemini-3.8-flash<br/>≤ $0.2000"]
    outline["outline<br/>claude-haiku-5-5 → gemini-3.5-flash-lite<br/>≤ $0.2000"]
    draft["draft ×4<br/>claude-sonnet-5-5 → gemini-3.8-flash<br/>≤ $0.2000"]
    aside["aside"]
    bind[/"bind"/]
    goal(["Book"])
    given -- "Brief" --> research
    given -- "Brief" --> outline
    given -- "Brief" --> draft
    outline -- "Each[Part]" --> draft
    research -- "Notes" --> aside
    research -- "Notes" --> bind
    draft -- "tuple[Draft, ...]" --> bind
    aside -- "Maybe[Aside]" --> bind
    bind --> goal
"""


def test_a_plan_is_drawn() -> None:
    """Steps, their models and limits, and the types that travel."""
    assert BOOK.draw() == PLAN


async def test_a_run_is_drawn() -> None:
    """Who served each step, its cost, its time and its cuts."""
    view = await run(BOOK, GIVEN, Home(rules=flaky()).context())
    drawn = [line.strip() for line in BOOK.draw(view).splitlines() if "[" in line and "--" not in line]
    assert drawn == [
        'given(["Brief"])',
        'research["research<br/>gemini-3.8-flash<br/>$0.000150, 0.0 s<br/>cut 1×<br/>simulated"]',
        'outline["outline<br/>claude-haiku-5-5<br/>$0.000035, 0.0 s<br/>cut 1×<br/>simulated"]',
        'draft["draft ×4<br/>claude-sonnet-5-5<br/>$0.001350, 0.0 s<br/>3 lanes<br/>cut 1×'
        '<br/>attempt 2<br/>simulated<br/>otherwise"]',
        'aside["aside<br/>$0.0000, 0.0 s"]',
        'bind[/"bind"/]',
        'goal(["Book"])',
    ]


async def test_a_failed_run_is_drawn() -> None:
    """What failed stands out; what was not reached says so."""
    view = await run(BOOK, GIVEN, Home(rules=script(says("outline", fault=Refused("no")))).context())
    drawn = BOOK.draw(view)
    assert "style outline stroke:#b00020" in drawn
    assert '"draft ×4<br/>not run"' in drawn
