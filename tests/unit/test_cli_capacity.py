"""`chatsmart capacity`, `stop` and `start` against a server that answers and refuses."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from tests.unit.loopback import Loopback, as_json, loopback, problem

WEB = {"name": "Web", "containers": 2, "minimum": 0, "maximum": 20, "buffer": 0}
LLAMA = {"name": "Llama", "containers": None, "minimum": 1, "maximum": None, "buffer": 3}
STOP = {"scope": "all", "reason": "the bill runs away", "by": "key_1", "at": "2026-11-21T12:00:05+00:00"}


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A scripted server."""
    with loopback() as served:
        yield served


def run(server: Loopback, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--url", server.url, "--key", "cs_test"])


def test_the_parts_stand_in_columns(server: Loopback) -> None:
    """What nobody knows is a question mark, what has no bound says so."""
    server.on("GET /v1/operator/capacity", as_json({"data": [LLAMA, WEB], "next": None}))
    done = run(server, "capacity")
    assert done.exit_code == 0, done.output
    head, llama, web = done.stdout.splitlines()
    assert head.split() == ["part", "now", "least", "most", "spare"]
    assert llama.split() == ["Llama", "?", "1", "any", "3"]
    assert web.split() == ["Web", "2", "0", "20", "0"]
    assert json.loads(run(server, "capacity", "--json").stdout.splitlines()[1]) == WEB


def test_a_part_is_bounded(server: Loopback) -> None:
    """Only what was named is sent."""
    server.on("PUT /v1/operator/capacity/Web", as_json(WEB))
    done = run(server, "capacity", "Web", "--most", "20", "--least", "0")
    assert done.exit_code == 0, done.output
    (sent,) = server.asked
    assert sent.body == {"minimum": 0, "maximum": 20}


@pytest.mark.parametrize(
    "words",
    [
        ["capacity", "Web"],
        ["capacity", "--most", "3"],
        ["capacity", "Web", "--most", "0"],
        ["stop"],
        ["stop", "some", "--why", "x"],
        ["stop", "--why", ""],
        ["stop", "--why", " "],
        ["start", "some"],
    ],
)
def test_what_makes_no_sense_is_not_sent(server: Loopback, words: list[str]) -> None:
    """Exit code 2, as for any wrong use."""
    assert run(server, *words).exit_code == 2
    assert server.asked == []


def test_all_is_stopped_and_goes_on(server: Loopback) -> None:
    """Each says how to get back, and what else stands still."""
    server.on("PUT /v1/operator/stop", as_json(STOP))
    done = run(server, "stop", "--why", "the bill runs away")
    assert done.exit_code == 0, done.output
    assert "chatsmart start`" in done.stderr
    assert server.asked[0].body == {"scope": "all", "reason": "the bill runs away"}
    server.on("DELETE /v1/operator/stop", as_json({}))
    server.on("GET /v1/operator/stop", as_json({"data": [STOP | {"scope": "llama"}], "history": []}))
    done = run(server, "start")
    assert done.exit_code == 0, done.output
    assert "Still stopped: llama" in done.stderr
    assert json.loads(run(server, "start", "llama", "--json").stdout) == {"scope": "llama", "stopped": False}


def test_a_refusal_is_told_in_words(server: Loopback) -> None:
    """And is exit code 1."""
    server.on("PUT /v1/operator/stop", problem(403, "This is for operators."))
    done = run(server, "stop", "--why", "x")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "This is for operators." in done.stderr
