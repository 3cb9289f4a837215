"""`chatsmart generate` and `rerun` against a server that answers, refuses, cuts and fails."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import follow
from infra.cli.main import app
from infra.cli.refusals import sentence
from tests.unit.loopback import Answer, Loopback, as_json, busy, event, loopback, problem, stream

FULL = Path("/dev/full")
TRACE = "ab" * 16
RUN = f"doc_{TRACE}"
STEPS = ["research", "polish"]
TEXT = "# Tea\n\nIt cools.\n\n## Sources\n\n1. A book\n"
DOCUMENT = {
    "id": RUN,
    "status": "finished",
    "text": TEXT,
    "cost_micros": 12_300,
    "trace": TRACE,
    "steps": [],
    "simulated": True,
}
STORY = (
    event(1, "started", id=RUN, steps=STEPS),
    event(2, "step", step="research", model="sonar"),
    event(3, "token", step="research", text="notes"),
    event(4, "step_done", step="research", model="sonar", cost_micros=300),
    event(5, "step", step="polish", model="gpt"),
    event(6, "token", step="polish", text="# Tea\n\nIt "),
    event(7, "token", step="polish", text="cools.\n"),
    event(8, "step_done", step="polish", model="gpt", cost_micros=12_000),
    event(9, "finished", document=DOCUMENT),
)


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A scripted server."""
    with loopback() as served:
        yield served


def run(server: Loopback, *words: str) -> Result:
    """The command line against it."""
    return CliRunner().invoke(app, [*words, "--url", server.url, "--key", "cs_test"])


def test_the_document_alone_goes_to_stdout(server: Loopback) -> None:
    """stdout holds the document's text and nothing else; progress, cost and the hint go to stderr."""
    server.on("POST /v1/documents", stream(*STORY))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 0, done.output
    assert done.stdout == TEXT
    assert "polish · gpt · $0.0120" in done.stderr
    assert f"chatsmart replay {RUN} --verify" in done.stderr
    assert "$0.0123" in done.stderr
    assert "simulated" in done.stderr


def test_the_request_carries_what_was_asked(server: Loopback) -> None:
    """Pipeline, brief, typed fields, budget, key and an idempotency key are sent."""
    server.on("POST /v1/documents", stream(*STORY))
    words = [
        "--field",
        "words=300",
        "--field",
        "tone=dry",
        "--field",
        'keywords=["a"]',
        "--budget-micros",
        "9",
    ]
    run(server, "generate", "article", "--brief", "tea", *words)
    asked = server.asked[0]
    assert asked.body == {
        "pipeline": "article",
        "brief": "tea",
        "stream": True,
        "words": 300,
        "tone": "dry",
        "keywords": ["a"],
        "budget_micros": 9,
    }
    assert asked.headers["Authorization"] == "Bearer cs_test"
    assert len(asked.headers["Idempotency-Key"]) == 36


def test_the_text_of_the_last_writer_is_shown_live(server: Loopback) -> None:
    """What the last step writes goes out as it comes: it stands on stdout although the document's end never comes."""
    server.on("POST /v1/documents", stream(*STORY[:7], event(8, "failed", error={"message": "Gone."})))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 1
    assert done.stdout.rstrip() == "# Tea\n\nIt cools."


def test_a_restart_sets_the_void_text_off(server: Loopback) -> None:
    """Text that a broken leg left is followed by a rule, and the document stands whole below it."""
    again = (
        event(7, "spliced", step="polish", how="restart"),
        event(8, "token", step="polish", text="# Tea\n\nIt cools.\n"),
    )
    server.on("POST /v1/documents", stream(*STORY[:6], *again, event(9, "finished", **DOCUMENT)))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.stdout == f"# Tea\n\nIt \n\n---\n\n{TEXT}"
    assert "begun anew" in done.stderr


def test_json_that_fills_a_schema_is_not_the_document(server: Loopback) -> None:
    """A step that streams JSON shows none of it; the document alone goes to stdout."""
    pieces = (
        event(6, "token", step="polish", text=' {"title":'),
        event(7, "token", step="polish", text='"Tea"}'),
    )
    server.on("POST /v1/documents", stream(*STORY[:5], *pieces, event(8, "finished", **DOCUMENT)))
    assert run(server, "generate", "article", "--brief", "tea").stdout == TEXT


@pytest.mark.parametrize("kept", range(1, len(STORY)))
def test_a_dropped_connection_is_resumed_after_the_last_event(
    server: Loopback, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the stream is cut, the rest comes by Last-Event-ID, nothing is lost and nothing is shown twice."""
    monkeypatch.setattr(follow, "WAITS", (0.0,))
    half = STORY[kept][: len(STORY[kept]) // 2]
    server.on("POST /v1/documents", stream(*STORY[:kept], half, cut=True))
    server.on(f"GET /v1/documents/{RUN}/events", stream(*STORY[kept - 1 :]))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 0, done.output
    assert done.stdout == TEXT
    assert server.asked[1].headers["Last-Event-ID"] == str(kept)


def test_a_cut_before_the_first_event_is_asked_again_under_the_same_key(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have begun a document: the key makes sure that the repeat follows that one instead of paying for two."""
    monkeypatch.setattr(follow, "WAITS", (0.0,))
    server.on("POST /v1/documents", stream(cut=True), busy(), stream(*STORY))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 0, done.output
    assert done.stdout == TEXT
    assert [asked.body for asked in server.asked] == [server.asked[0].body] * 3
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1


def test_a_request_that_is_lost_again_and_again_is_given_up(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bounded number of tries; the message says where a document would be."""
    monkeypatch.setattr(follow, "WAITS", (0.0,))
    server.on("POST /v1/documents", stream(cut=True))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 1
    assert "chatsmart replay last" in done.stderr
    assert len(server.asked) == follow.TRIES


def test_a_server_that_stays_away_is_given_up(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a bounded number of tries the command ends with 1 and says how to find the document."""
    monkeypatch.setattr(follow, "WAITS", (0.0,))
    server.on("POST /v1/documents", stream(*STORY[:3], cut=True))
    server.on(f"GET /v1/documents/{RUN}/events", stream(cut=True))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 1
    assert f"chatsmart replay {RUN}" in done.stderr
    assert len(server.asked) == 1 + follow.TRIES - 1


def test_a_failed_document_ends_with_one(server: Loopback) -> None:
    """What failed and what to do about it are told."""
    error = {"code": "over_budget", "message": "Too dear.", "advice": "Raise the budget."}
    server.on("POST /v1/documents", stream(STORY[0], event(2, "failed", document={"id": RUN}, error=error)))
    done = run(server, "generate", "article", "--brief", "tea")
    assert done.exit_code == 1
    assert "Too dear. Raise the budget." in done.stderr


@pytest.mark.parametrize("as_json", [True, False])
def test_a_failure_inside_the_document_is_one_too(server: Loopback, as_json: bool) -> None:
    """A final event whose document says that it failed ends with 1, whatever the output."""
    failed = {"id": RUN, "status": "failed", "error": {"message": "Every model is down."}}
    server.on("POST /v1/documents", stream(STORY[0], event(2, "failed", document=failed)))
    done = run(server, "generate", "article", "--brief", "tea", *(["--json"] if as_json else []))
    assert done.exit_code == 1
    assert "Every model is down." in done.stderr


def test_json_is_one_object_a_line(server: Loopback) -> None:
    """--json prints each event as an object on a line, the document in the last, and nothing else."""
    server.on("POST /v1/documents", stream(*STORY))
    done = run(server, "generate", "article", "--brief", "tea", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, 10))
    assert lines[-1]["event"] == "finished"
    assert lines[-1]["data"]["document"] == DOCUMENT
    assert done.stderr == ""


def test_out_holds_the_exact_text(server: Loopback, tmp_path: Path) -> None:
    """--out writes the text to the file, to the byte, and nothing of it to stdout."""
    server.on("POST /v1/documents", stream(*STORY))
    done = run(server, "generate", "article", "--brief", "tea", "--out", str(tmp_path / "tea.md"))
    assert (tmp_path / "tea.md").read_bytes() == TEXT.encode()
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "article", "--field", "words"], "name=value"),
        (["generate", "article", "--out", "nowhere/at/all.md"], "no folder"),
        (["generate", "article", "--budget-micros", "-1"], "--budget-micros"),
        (["rerun", RUN, "--set", "draft"], "step=model"),
        (["generate"], "pipeline"),
    ],
)
def test_wrong_usage_ends_with_two(server: Loopback, words: list[str], said: str) -> None:
    """What can be seen to be wrong is refused before anything is sent, with exit code 2."""
    done = run(server, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not server.asked


@pytest.mark.parametrize("where", [".", "shut.md", "nowhere/tea.md"])
def test_a_file_that_cannot_be_written_costs_nothing(server: Loopback, tmp_path: Path, where: str) -> None:
    """A folder, a file that is there and shut, and a missing folder are refused before the request."""
    (tmp_path / "shut.md").symlink_to(tmp_path / "gone" / "tea.md")
    done = run(server, "generate", "article", "--brief", "tea", "--out", str(tmp_path / where))
    assert done.exit_code == 2
    assert not server.asked
    assert [path.name for path in tmp_path.iterdir()] == ["shut.md"]


def test_a_refused_document_leaves_no_file(server: Loopback, tmp_path: Path) -> None:
    """Whether a file can be written is tried without leaving one behind."""
    server.on("POST /v1/documents", problem(402, "Over the cap."))
    assert run(server, "generate", "article", "-b", "tea", "-o", str(tmp_path / "tea.md")).exit_code == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_paid_text_is_not_lost_to_a_full_disk(server: Loopback) -> None:
    """Where the file can't take the text it goes to stdout, whole, and the exit code is 1."""
    server.on("POST /v1/documents", stream(*STORY))
    done = run(server, "generate", "article", "--brief", "tea", "--out", str(FULL))
    assert done.exit_code == 1
    assert done.stdout == TEXT
    assert "No space left" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--version"], "can't be written"),
        (["generate", "article", "--brief", "tea"], "chatsmart replay"),
        (["keys", "create", "x"], "chatsmart keys revoke key_1"),
    ],
)
def test_a_full_stdout_is_told(server: Loopback, words: list[str], said: str) -> None:
    """It ends with 1 and at most two lines beside the news, none of them a trace or a plea to report it."""
    server.on("POST /v1/documents", stream(*STORY))
    server.on("POST /v1/keys", as_json({"id": "key_1", "key": "cs_new"}, 201))
    where = ["--url", server.url, "--key", "cs_test"] if len(words) > 1 else []
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *words, *where],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert "report it" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_repeated_field_is_a_list(server: Loopback) -> None:
    """The values of a field that is given more than once are sent as a list, in order; NaN is no JSON."""
    server.on("POST /v1/documents", stream(*STORY))
    run(server, "generate", "article", *"-f keywords=a -f keywords=b -f tone=dry -f words=NaN".split())
    body = server.asked[0].body
    assert (body["keywords"], body["tone"], body["words"]) == (["a", "b"], "dry", "NaN")


def test_a_wrong_field_is_told_with_the_fields_there_are(server: Loopback) -> None:
    """Advice on HTTP requests is not passed on; the pipeline's fields are named, and how a list is written."""
    fields = {"properties": {"brief": {}, "keywords": {"type": "array"}}, "required": ["brief"]}
    refused = {
        "detail": "'keywords': no array",
        "code": "bad_brief",
        "advice": "See GET /v1/pipelines for more.",
    }
    server.on("POST /v1/documents", as_json(refused, 422))
    server.on("GET /v1/pipelines", as_json({"data": [{"name": "article", "fields": fields}]}))
    done = run(server, "generate", "article", "--field", "keywords=a")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "'keywords': no array",
        """article takes brief (needed), keywords (a list: --field 'keywords=["a","b"]').""",
    ]


@pytest.mark.parametrize(
    ("said", "advice", "slug", "told"),
    [
        ("No step 'drft'; nearest is 'draft'", "Correct the named field and send the request again.", "", None),
        ("Too dear.", "Raise it (POST /v1/documents/quote).", "over_budget",
         "Too dear. Raise --budget-micros, or ask for less."),
        ("Too long", "Shorten it.", "too_large", "Too long. Shorten it."),
        ("Why?", "Ask.", "", "Why? Ask."),
    ],
)  # fmt: skip
def test_advice_can_be_followed_here(said: str, advice: str, slug: str, told: str | None) -> None:
    """Reason and advice are sentences of their own, and none speaks of HTTP requests."""
    assert sentence(said, advice, slug) == (told or said)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(401, "No valid key."), "--key"),
        (problem(404, f"There is no document '{RUN}'."), RUN),
        (problem(402, "Over the cap.", "Raise it."), "Over the cap. Raise it."),
        (problem(503, "Postgres is down."), "chatsmart doctor"),
        (Answer((b"<html>",), 502, "text/html"), "502"),
        (Answer((b'{"error":{"message":"Slow down."}}',), 429), "Slow down."),
    ],
)
def test_a_refusal_is_told_in_words(server: Loopback, answer: Answer, said: str) -> None:
    """The server's reason and what to do next, in at most two lines, and 1."""
    server.on("POST /v1/documents", answer)
    server.on(f"POST /v1/documents/{RUN}/rerun", answer)
    for words in (["generate", "article", "--brief", "tea"], ["rerun", RUN]):
        done = run(server, *words)
        assert done.exit_code == 1
        assert said in done.stderr
        assert len(done.stderr.strip().splitlines()) <= 2
        assert done.stdout == ""


def test_no_server_is_told_at_once() -> None:
    """Where nothing listens the command says how to start it, and does not try for long."""
    done = CliRunner().invoke(app, ["generate", "article", "--url", "http://127.0.0.1:9", "--key", "cs_x"])
    assert done.exit_code == 1
    assert "chatsmart up" in done.stderr


def test_rerun_sends_the_changed_models(server: Loopback) -> None:
    """`--set step=model` becomes the body's `set`."""
    server.on(f"POST /v1/documents/{RUN}/rerun", stream(*STORY))
    done = run(server, "rerun", RUN, "--set", "polish=claude", "--set", "research=sonar-pro")
    assert done.exit_code == 0, done.output
    assert server.asked[0].body == {"set": {"polish": "claude", "research": "sonar-pro"}, "stream": True}


@pytest.mark.parametrize(
    ("shown", "whole", "rest"),
    [
        ("", "abc", "abc"),
        ("ab", "abc", "c"),
        ("a  b\n", "a b\n\nc", "\nc"),
        ("a b\n\n\n", "a b\n\nc", "c"),
        ("a b c", "a b c", ""),
        ("a x", "a b", "\n\n---\n\na b"),
        ("abc", "ab", "\n\n---\n\nab"),
    ],
)
def test_only_what_was_not_shown_follows(shown: str, whole: str, rest: str) -> None:
    """The text is completed where the live one is its beginning, white space apart; else it is set off, whole."""
    assert follow.unseen(shown, whole) == rest
