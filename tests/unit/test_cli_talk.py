"""`chatsmart chat`, `keys`, `audit` and the choice of a server, against a scripted one."""

import json
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from infra.cli.sse import read
from tests.unit.loopback import Loopback, as_json, busy, loopback, problem, stream

RUN = f"doc_{'ab' * 16}"
CHAT = "POST /v1/chat/completions"


def piece(text: str) -> bytes:
    """A chunk of a streamed completion."""
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n".encode()


USAGE = b'data: {"choices": [], "usage": {"total_tokens": 3}, "chatsmart": {"cost_micros": 120, "simulated": true}}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A scripted server."""
    with loopback() as served:
        yield served


def run(server: Loopback, *words: str, typed: str | None = None) -> Result:
    """The command line against it."""
    return CliRunner().invoke(app, [*words, "--url", server.url, "--key", "cs_test"], input=typed)


def test_the_answer_alone_goes_to_stdout(server: Loopback) -> None:
    """stdout holds the answer; who served it, what it cost and the trace go to stderr."""
    server.on(
        CHAT,
        stream(
            piece("Tea "),
            piece("cools."),
            USAGE,
            DONE,
            x_chatsmart_model="sonnet",
            x_chatsmart_trace="ab" * 16,
        ),
    )
    done = run(server, "chat", "why?", "--model", "auto:cheap", "--system", "be brief")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Tea cools.\n"
    assert done.stderr == f"sonnet · $0.000120 · simulated · trace {'ab' * 16}\n"
    assert server.asked[0].body["model"] == "auto:cheap"
    assert server.asked[0].body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "why?"},
    ]


def test_a_question_can_come_from_stdin(server: Loopback) -> None:
    """`-` reads the question."""
    server.on(CHAT, stream(piece("x"), DONE))
    run(server, "chat", "-", typed="a long one\n")
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "a long one\n"}]


def test_json_gives_the_chunks(server: Loopback) -> None:
    """--json prints each chunk on a line, as it came."""
    server.on(CHAT, stream(piece("Tea"), USAGE, DONE))
    lines = run(server, "chat", "why?", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(part[6:]) for part in (piece("Tea"), USAGE)]


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ((piece("Tea"), b'data: {"error": {"message": "It broke off."}}\n\n'), "It broke off."),
        ((piece("Tea"),), "ended before the answer did"),
    ],
)
def test_an_answer_that_breaks_off_ends_with_one(
    server: Loopback, pieces: tuple[bytes, ...], said: str
) -> None:
    """Half an answer is never passed off as a whole one."""
    server.on(CHAT, stream(*pieces))
    done = run(server, "chat", "why?")
    assert done.exit_code == 1
    assert said in done.stderr


def test_an_answer_lost_before_its_first_piece_is_asked_for_again(server: Loopback) -> None:
    """Under the same key; once a piece was shown it is not, for a second answer would stand behind half a first."""
    server.on(CHAT, stream(cut=True), busy(), stream(piece("Tea"), DONE))
    assert run(server, "chat", "why?").stdout == "Tea\n"
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3
    server.on(CHAT, stream(piece("Tea"), cut=True))
    assert run(server, "chat", "why?").exit_code == 1
    assert len(server.asked) == 4


def test_a_key_is_made_listed_and_revoked(server: Loopback) -> None:
    """The three verbs on keys: the new key alone on stdout, every page of the list, a deletion."""
    server.on("POST /v1/keys", as_json({"id": "key_1", "key": "cs_new"}, 201))
    made = run(server, "keys", "create", "ci", "--days", "7")
    assert made.stdout == "cs_new\n"
    assert server.asked[0].body["expires"][10] == "T"
    row = {"id": "key_1", "hint": "abcd", "created": "2026-01-02T03:04:05Z", "name": "ci"}
    server.on(
        "GET /v1/keys",
        as_json({"data": [row], "next": "key_1"}),
        as_json(
            {
                "data": [
                    {**row, "id": "key_0", "revoked": "2026-01-03"},
                    {**row, "id": "key_2", "expires": "2026-01-03T00:00:00+00:00"},
                    {**row, "id": "key_3", "expires": "2999-01-03T00:00:00+00:00"},
                ],
                "next": None,
            }
        ),
    )
    listed = run(server, "keys", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["key_1", "key_0", "key_2", "key_3"]
    assert [line.split("  ")[3].strip() for line in listed] == [
        "active",
        "revoked",
        "expired",
        "until 2999-01-03",
    ]
    assert "after=key_1" in server.asked[-1].path
    server.on("DELETE /v1/keys/key_1", as_json({}))
    assert run(server, "keys", "revoke", "key_1").exit_code == 0
    assert run(server, "keys", "revoke", "cs_x").exit_code == 2


def test_a_key_whose_answer_got_lost_is_asked_for_again(server: Loopback) -> None:
    """Under the same idempotency key, so that one is made; a bounded number of times."""
    server.on("POST /v1/keys", stream(cut=True), busy(), as_json({"id": "key_1", "key": "cs_new"}, 201))
    assert run(server, "keys", "create", "ci").stdout == "cs_new\n"
    assert len({asked.headers["Idempotency-Key"] for asked in server.asked}) == 1
    assert len(server.asked) == 3
    server.on("POST /v1/keys", stream(cut=True))
    assert run(server, "keys", "create", "ci").exit_code == 1
    assert len(server.asked) == 6


def test_a_lost_list_is_told_at_once(server: Loopback) -> None:
    """What is asked without a key is asked once."""
    server.on("GET /v1/keys", stream(cut=True))
    assert run(server, "keys", "list").exit_code == 1
    assert len(server.asked) == 1


def test_a_key_lasts_a_hundred_years_at_most(server: Loopback) -> None:
    """More days than a date can hold are refused as wrong usage, before anything is sent."""
    done = run(server, "keys", "create", "x", "--days", "99999999")
    assert done.exit_code == 2
    assert "--days" in done.stderr
    assert not server.asked


def test_bytes_that_are_no_text_are_not_sent(server: Loopback) -> None:
    """Arguments and stdin that are not UTF-8 are wrong usage, told in words."""
    server.on(CHAT, stream(piece("x"), DONE))
    raw = CliRunner().invoke(app, ["chat", "-", "--url", server.url, "--key", "cs_x"], input=b"a\xff")
    for done in (run(server, "chat", "a\udcff"), run(server, "keys", "create", "a\udcff"), raw):
        assert done.exit_code == 2
        assert "UTF-8" in done.stderr
    assert not server.asked


def test_a_reason_holds_no_advice_on_http(server: Loopback) -> None:
    """A sentence on HTTP requests within a reason is left out."""
    server.on(CHAT, problem(404, "The model 'x' does not exist. GET /v1/models lists the names."))
    assert run(server, "chat", "why?").stderr == "The model 'x' does not exist.\n"


def test_the_version_is_told() -> None:
    """--version prints the installed version and ends with 0."""
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"chatsmart {version('chatsmart')}\n")


@pytest.mark.parametrize(("broken", "code"), [(None, 0), ("seal 3 of 9", 1)])
def test_a_broken_chain_ends_with_one(server: Loopback, broken: str | None, code: int) -> None:
    """`audit verify` names the seal that does not fit."""
    server.on("GET /v1/audit/verify", as_json({"broken": broken, "seals": 9, "entries": 90, "unsealed": 0}))
    done = run(server, "audit", "verify")
    assert done.exit_code == code
    assert (broken or "intact") in done.output


def test_replay_of_an_unknown_run_says_so(server: Loopback) -> None:
    """What the server has not is told in its own words."""
    server.on(f"GET /v1/audit/{RUN}/tape", problem(404, "There is no such document."))
    done = run(server, "replay", RUN)
    assert done.exit_code == 1
    assert done.stderr == "There is no such document.\n"


def test_a_tape_that_is_none_is_refused(server: Loopback) -> None:
    """Rows that are no entries are told as such, not as a stack trace."""
    server.on(f"GET /v1/audit/{RUN}/tape", as_json({"entries": [{"kind": "run"}]}))
    done = run(server, "replay", RUN, "--verify")
    assert done.exit_code == 1
    assert "can't be rebuilt" in done.stderr


def test_last_is_the_newest_document(server: Loopback) -> None:
    """`last` stands for the newest document's id; without one the way to get one is told."""
    server.on("GET /v1/documents", as_json({"data": [{"id": RUN}], "next": None}))
    server.on(f"GET /v1/audit/{RUN}/tape", problem(404, "It was here a moment ago."))
    assert "a moment ago" in run(server, "replay", "last").stderr
    server.on("GET /v1/documents", as_json({"data": [], "next": None}))
    assert "chatsmart generate" in run(server, "replay", "last").stderr


@pytest.mark.parametrize("wrong", ["doc_0", "../../keys", "doc_" + "g" * 32, ""])
def test_what_is_no_id_is_not_sent(server: Loopback, wrong: str) -> None:
    """A text that can't be an id ends with 2, and no request is made of it."""
    assert run(server, "replay", wrong).exit_code == 2
    assert not server.asked


class TestTarget:
    """Which server and which key a verb uses where neither is named."""

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty home, and nothing else in the environment."""
        monkeypatch.setenv("CHATSMART_HOME", str(tmp_path))
        for name in ("CHATSMART_URL", "CHATSMART_KEY", "CHATSMART_ENV"):
            monkeypatch.delenv(name, raising=False)
        return tmp_path

    def test_nothing_runs(self, home: Path) -> None:
        """The way to start a server is told."""
        done = CliRunner().invoke(app, ["keys", "list"])
        assert done.exit_code == 1
        assert "chatsmart up" in done.stderr
        assert str(home) in done.stderr

    def test_the_local_server_and_its_demo_key(self, home: Path, server: Loopback) -> None:
        """The home's running server is used with the key that lies beside it."""
        (home / "server.json").write_text(json.dumps({"url": server.url, "pid": os.getpid()}))
        (home / "key").write_text("cs_demo\n")
        server.on("GET /v1/keys", as_json({"data": [], "next": None}))
        assert CliRunner().invoke(app, ["keys", "list"]).exit_code == 0
        assert server.asked[0].headers["Authorization"] == "Bearer cs_demo"

    def test_a_server_that_died_is_none(self, home: Path) -> None:
        """Word of a process that is gone is not believed."""
        (home / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:9", "pid": 2**22 + 1}))
        assert "chatsmart up" in CliRunner().invoke(app, ["keys", "list"]).stderr

    @pytest.mark.parametrize("note", ["", "{}", "[]", '{"url": "x", "pid": "y"}', "\0"])
    def test_a_broken_note_is_none(self, home: Path, note: str) -> None:
        """A half-written note is not believed either."""
        (home / "server.json").write_text(note)
        assert "chatsmart up" in CliRunner().invoke(app, ["keys", "list"]).stderr

    def test_the_environment_names_both(
        self, home: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """CHATSMART_URL and CHATSMART_KEY stand in for the options."""
        monkeypatch.setenv("CHATSMART_URL", server.url + "/")
        monkeypatch.setenv("CHATSMART_KEY", "cs_env")
        server.on("GET /v1/keys", as_json({"data": [], "next": None}))
        assert CliRunner().invoke(app, ["keys", "list"]).exit_code == 0
        assert server.asked[0].headers["Authorization"] == "Bearer cs_env"

    def test_another_server_needs_its_own_key(self, home: Path, server: Loopback) -> None:
        """The demo key never leaves for a server that was named."""
        (home / "key").write_text("cs_demo")
        done = CliRunner().invoke(app, ["keys", "list", "--url", server.url])
        assert done.exit_code == 2
        assert "--key" in done.stderr
        assert not server.asked

    def test_nobody_needs_a_key_to_a_server_that_is_not_there(self, home: Path) -> None:
        """A dead address without a key is told as dead, not as in want of a key."""
        done = CliRunner().invoke(app, ["keys", "list", "--url", "http://127.0.0.1:9"])
        assert done.exit_code == 1
        assert "No ChatSmart server answers at http://127.0.0.1:9" in done.stderr
        assert "--key" not in done.stderr

    @pytest.mark.parametrize(
        "wrong",
        [
            "localhost:8000",
            "http://",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:x",
            "ftp://h",
            "http://h\n",
        ],
    )
    def test_an_address_is_checked(self, home: Path, wrong: str) -> None:
        """What is no address is wrong usage."""
        done = CliRunner().invoke(app, ["keys", "list", "--url", wrong])
        assert done.exit_code == 2
        assert "is no address" in done.stderr

    @pytest.mark.parametrize("wrong", ['kä"se', "cs x", "cs_\n", "cs_\udcff"])
    def test_a_key_that_can_be_none_is_not_sent(self, server: Loopback, wrong: str) -> None:
        """What can't be a key is told as such, and no request is made with it."""
        done = CliRunner().invoke(app, ["keys", "list", "--url", server.url, "--key", wrong])
        assert done.exit_code == 2
        assert "no API key" in done.stderr
        assert not server.asked


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_read_whatever_the_pieces(size: int, end: str) -> None:
    """Events come out alike however the bytes are cut and whichever line end is used; comments are skipped."""
    lines = [
        ": hello",
        "",
        "id: 1",
        "event: token",
        'data: {"a": "é\u2028"}',
        "",
        "data:x",
        "data: y",
        "",
        "data: half",
    ]
    raw = end.join(lines).encode()
    found = [(e.id, e.name, e.data) for e in read(raw[at : at + size] for at in range(0, len(raw), size))]
    assert found == [("1", "token", '{"a": "é\u2028"}'), ("1", "message", "x\ny")]
