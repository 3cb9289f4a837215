"""What readers see of a structured answer while it grows, and that a replay shows them the same."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from shared.core.event import Event
from shared.core.faults import Cut, Malformed
from shared.core.prompt import ask
from shared.fakes.models import says
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.run import run
from shared.runtime.step import step
from tests.replay.test_runtime_replay import same
from tests.unit.runtime_kit import CHEAP, GIVEN, ROOM, Brief, Draft, Home, Part, output

ANSWER = '{"title": "Bees and their hives", "points": [{"heading": "Wax"}, {"heading": "Honey"}]}'
WHOLE = json.loads(ANSWER)


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked for."""

    title: str
    points: tuple[Part, ...]


@step(ladder=CHEAP, budget=ROOM)
async def sorted_out(fx: Fx, brief: Brief) -> Draft:
    """A structured answer as a draft."""
    found = await fx.ask(ask(f"sort {brief.text}", max_output=300), Listing)
    return Draft(found.title)


GRAPH = Graph("growing", given=Brief, steps=(sorted_out,), goal=Draft, cap=ROOM)


def pieces(text: str, size: int = 7) -> list[str]:
    """A text as a model streams it."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def values(events: Sequence[Event]) -> list[Any]:
    """What readers were told of the value, in order."""
    return [event.data["value"] for event in events if event.name == "token" and "value" in event.data]


async def test_readers_see_the_value_grow_beside_the_text() -> None:
    """Each is a part of the next, the last is the answer; the text is as it was; a replay is equal to the byte."""
    home = Home(rules=[says("sort", *pieces(ANSWER), between=0.0)])
    view = await run(GRAPH, GIVEN, home.context())
    assert output(view) == Draft(WHOLE["title"])
    shown = values(home.events)
    assert shown[-1] == WHOLE
    assert {"title": "Bees and"} in [{"title": value.get("title", "")[:8]} for value in shown]
    assert len(shown) > 4
    assert "".join(event.data["text"] for event in home.events if event.name == "token") == ANSWER
    told_again = await same(home, view, GRAPH)  # type: ignore[arg-type]
    assert values(told_again.events) == shown


async def test_values_begin_anew_with_the_answer() -> None:
    """A model that had to begin again, and a repair, each grow a value of their own; replays are equal."""
    broken = says(
        "sort", *pieces('{"title": "Wasps", "points": ['), between=0.0, fault=Cut(), after=3, times=1
    )
    wrong = says("sort", *pieces('{"title": "Ants", "points": 1}'), between=0.0, times=1)
    home = Home(rules=[broken, says("Return the whole", *pieces(ANSWER), between=0.0), wrong])
    view = await run(GRAPH, GIVEN, home.context())
    assert output(view) == Draft(WHOLE["title"])
    shown = values(home.events)
    titles = [value["title"] for value in shown if value.get("title")]
    assert any(title.startswith("W") for title in titles)
    assert any(title.startswith("A") for title in titles)
    assert shown[-1] == WHOLE
    assert not any("points" in value and not isinstance(value["points"], list) for value in shown)
    await same(home, view, GRAPH)  # type: ignore[arg-type]


async def test_an_answer_that_runs_away_is_left_and_repaired() -> None:
    """Endless white space is not paid to its end: the call is left and the answer asked for once more."""
    blank = says("sort", '{"title": "Bees",', *[" " * 100] * 40, between=0.0)
    home = Home(rules=[says("Return the whole", ANSWER), blank])
    view = await run(GRAPH, GIVEN, home.context())
    assert output(view) == Draft(WHOLE["title"])
    assert len(home.models.left) == 1
    await same(home, view, GRAPH)  # type: ignore[arg-type]


@pytest.mark.parametrize("finish", ["stop", "length"])
async def test_half_an_answer_is_asked_for_whole(finish: str) -> None:
    """A limit is told as a limit, so that the repair is shorter; two of them are Malformed."""
    half = says("sort", ANSWER[:30], finish=finish)
    home = Home(rules=[half])
    view = await run(GRAPH, GIVEN, home.context())
    assert isinstance(view.fault, Malformed)
    asked_again = home.models.calls[1].prompt.messages[-1].text
    assert ("limit of tokens" in asked_again) == ("shorter" in asked_again) == (finish == "length")
