"""`chatsmart providers` against a server that answers and refuses."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from tests.unit.loopback import Loopback, as_json, loopback, problem

ROWS = [
    {
        "model": "gpt-6-luna",
        "provider": "openai",
        "state": "open",
        "why": "gpt-6-luna fell silent",
        "until": "2026-11-21T12:00:05+00:00",
        "first_token_p50_ms": 312,
        "first_token_p95_ms": 8_120,
        "calls": 40,
        "failures": 3,
    },
    {
        "model": "sonar",
        "provider": "perplexity",
        "state": "closed",
        "why": "",
        "until": None,
        "first_token_p50_ms": None,
        "first_token_p95_ms": None,
        "calls": 0,
        "failures": 0,
    },
]


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A scripted server."""
    with loopback() as served:
        yield served


def run(server: Loopback, *words: str) -> Result:
    return CliRunner().invoke(app, ["providers", *words, "--url", server.url, "--key", "cs_test"])


def test_the_models_stand_in_columns(server: Loopback) -> None:
    """State, first tokens in seconds, calls, failures and, where something is the matter, why and until when."""
    server.on("GET /v1/operator/providers", as_json({"data": ROWS, "next": None}))
    done = run(server)
    assert done.exit_code == 0, done.output
    head, luna, sonar = done.stdout.splitlines()
    assert head.split() == ["model", "provider", "state", "p50", "p95", "calls", "failed", "why"]
    assert luna.split()[:7] == ["gpt-6-luna", "openai", "open", "0.31s", "8.12s", "40", "3"]
    assert "gpt-6-luna fell silent (until " in luna
    assert sonar.split() == ["sonar", "perplexity", "closed", "-", "-", "0", "0"]
    assert head.index("state") == luna.index("open ") == sonar.index("closed")


def test_json_is_a_line_a_model(server: Loopback) -> None:
    """As the server gave them."""
    server.on("GET /v1/operator/providers", as_json({"data": ROWS, "next": None}))
    assert [json.loads(line) for line in run(server, "--json").stdout.splitlines()] == ROWS


def test_a_model_is_taken_out_and_put_back(server: Loopback) -> None:
    """With the reason and a key against sending it twice."""
    server.on("POST /v1/operator/quarantine", as_json(ROWS[0]))
    done = run(server, "--quarantine", "gpt-6-luna", "--why", "drifts")
    assert done.exit_code == 0, done.output
    assert "providers --release gpt-6-luna" in done.stderr
    (sent,) = server.asked
    assert sent.body == {"model": "gpt-6-luna", "why": "drifts"}
    assert "idempotency-key" in {name.lower() for name in sent.headers}
    server.on("DELETE /v1/operator/quarantine/gpt-6-luna", as_json({}))
    assert run(server, "--release", "gpt-6-luna").exit_code == 0
    assert json.loads(run(server, "--release", "gpt-6-luna", "--json").stdout) == {
        "model": "gpt-6-luna",
        "quarantined": False,
    }


def test_a_refusal_is_told_in_words(server: Loopback) -> None:
    """And is exit code 1."""
    server.on("GET /v1/operator/providers", problem(403, "This is for operators."))
    done = run(server)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "This is for operators." in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--quarantine", "sonar"],
        ["--why", "drifts"],
        ["--release", "sonar", "--why", "drifts"],
        ["--quarantine", "sonar", "--why", "drifts", "--release", "sonar"],
    ],
)
def test_half_a_wish_is_wrong_usage(server: Loopback, words: list[str]) -> None:
    """Exit code 2, and nothing is sent."""
    done = run(server, *words)
    assert done.exit_code == 2
    assert not server.asked
