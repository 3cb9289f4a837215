"""The keeper against a real child process that speaks vLLM's little surface and misbehaves on command."""

import io
import json
import os
import queue
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu.process import Died, Engine, Launch, NeverHealthy, PoolFault, WentSick
from tests.redis_servers import free_port

PRETEND = Path(__file__).with_name("pretend.py")
Start = Callable[..., tuple[Engine, Launch, io.StringIO]]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Start]:
    """Makes engines of a manner; what still runs afterwards is ended."""
    made: list[Engine] = []

    def start(how: str = "well", **changes: float) -> tuple[Engine, Launch, io.StringIO]:
        port = free_port()
        state = tmp_path / "state"
        argv = (sys.executable, str(PRETEND), "--port", str(port), "--how", how, "--state", str(state))
        launch = Launch(
            argv,
            tmp_path,
            state,
            port,
            "llama",
            ready=20.0,
            drain=5.0,
            poll=0.05,
            between_checks=0.1,
            call=5.0,
        )
        launch = replace(launch, **changes)  # type: ignore[arg-type]
        out = io.StringIO()
        found = Engine(launch, out)
        made.append(found)
        return found, launch, out

    yield start
    for one in made:
        one.stop(patience=0.2)


def asked(launch: Launch) -> list[dict[str, object]]:
    """What the child was asked."""
    return [json.loads(line) for line in (launch.state / "asked.jsonl").read_text().splitlines()]


def test_it_is_ready_once_it_is_healthy_and_warm(engine: Start) -> None:
    """A server that is slow to come up is waited for; before `start` returns it has answered text and schema, salted,
    under the name that callers use."""
    one, launch, out = engine("slow-start")
    took = one.start()
    assert 0.7 < took < 20
    assert one.healthy()
    bodies = asked(launch)
    assert len(bodies) == 3
    assert {body["model"] for body in bodies} == {"llama"}
    assert all(body["cache_salt"] for body in bodies)
    assert [("response_format" in body) for body in bodies] == [False, True, False]
    assert "loading weights" in out.getvalue()


def test_its_own_calls_carry_the_token_that_the_front_reads(engine: Start) -> None:
    """The token lies where only this user's processes read it, and is new with each start."""
    one, launch, _ = engine()
    one.start()
    token = launch.state / "token"
    assert token.stat().st_mode & 0o777 == 0o600
    assert {body["inside"] for body in asked(launch)} == {token.read_text()}
    other, again, _ = engine()
    other.start()
    assert (again.state / "token").read_text() == asked(again)[-1]["inside"] != asked(launch)[0]["inside"]


def test_one_that_dies_at_once_is_told_from_one_that_is_slow(engine: Start) -> None:
    """Died, at once and not at the deadline, with its status and its last words."""
    one, _, _ = engine("dies-at-start")
    with pytest.raises(Died, match=r"status 3 before it was ready[\s\S]*no room for the cache"):
        one.start()
    assert not one.healthy()


def test_one_that_never_gets_healthy_is_given_up_and_ended(engine: Start) -> None:
    """NeverHealthy at the deadline, with what it printed; no process is left behind."""
    one, launch, _ = engine("never-healthy", ready=1.5)
    with pytest.raises(NeverHealthy, match=r"not healthy in 2 s[\s\S]*loading weights"):
        one.start()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{launch.port}/health", timeout=2)
    assert one.stop() == "gone"


@pytest.mark.parametrize(("how", "fault"), [("bad-warm-up", NeverHealthy), ("dies-warming", Died)])
def test_one_that_fails_its_warm_up_is_not_ready(engine: Start, how: str, fault: type[PoolFault]) -> None:
    """Healthy is not enough: what can't answer one request gets none."""
    one, _, _ = engine(how)
    with pytest.raises(fault, match="warm"):
        one.start()
    assert one.stop() == "gone"


@pytest.mark.parametrize(
    ("how", "fault", "words"),
    [("dies-later", Died, "illegal memory access"), ("sickens", WentSick, "3 checks in a row")],
)
def test_one_that_was_ready_and_fails_is_reported_once(
    engine: Start, how: str, fault: type[PoolFault], words: str
) -> None:
    """A process that died and one that lives but is not well are told apart, and the keeper's owner hears of it."""
    one, _, _ = engine(how)
    one.start()
    heard: queue.Queue[PoolFault] = queue.Queue()
    one.watch(heard.put)
    found = heard.get(timeout=10)
    assert type(found) is fault
    assert words in str(found)
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.5)


def test_one_that_is_stopped_is_not_reported(engine: Start) -> None:
    """An end that was asked for is no fault."""
    one, _, _ = engine()
    one.start()
    heard: queue.Queue[PoolFault] = queue.Queue()
    one.watch(heard.put)
    assert one.stop() == "drained"
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.5)


def test_an_answer_that_is_being_written_is_finished(engine: Start) -> None:
    """`stop` leaves word for the front first, and the stream that was open ends as it should."""
    one, launch, _ = engine()
    one.start()
    body = json.dumps({"model": "llama", "stream": True}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{launch.port}/v1/chat/completions", data=body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.readline().startswith(b"data: 0")
        ends: list[str] = []
        stopping = threading.Thread(target=lambda: ends.append(one.stop()))
        stopping.start()
        rest = answer.read()
        assert (launch.state / "draining").exists()
        stopping.join(10)
    assert rest.endswith(b"data: [DONE]\n\n")
    assert ends == ["drained"]
    assert one.stop() == "gone"


def test_one_that_does_not_end_is_ended(engine: Start) -> None:
    """A server that takes no notice of SIGTERM is killed when its time is up."""
    one, _, _ = engine("hangs", drain=0.5)
    one.start()
    assert one.stop() == "killed"
    assert not one.healthy()


def test_a_start_leaves_the_last_end_behind(engine: Start) -> None:
    """`draining` of an earlier run does not make the next one refuse everybody."""
    one, launch, _ = engine()
    one.start()
    one.stop()
    other, _, _ = engine()
    other.start()
    assert not (launch.state / "draining").exists()


def test_an_order_that_fails_is_a_fault(engine: Start) -> None:
    """A server that does not wake is not used."""
    one, _, _ = engine("no-waking")
    one.start()
    one.order("/sleep?level=1")
    with pytest.raises(WentSick, match="/wake_up was answered with 500"):
        one.order("/wake_up")


def test_a_child_gets_the_environment_that_it_is_given(engine: Start) -> None:
    """Where one is given, nothing of this process' own goes along."""
    one, launch, out = engine()
    script = "import os, sys; print(sorted(os.environ)); sys.exit(1)"
    bare = Engine(replace(launch, argv=(sys.executable, "-c", script), env={"ONLY": "this"}), out)
    with pytest.raises(Died):
        bare.start()
    assert "ONLY" in out.getvalue()
    assert "PATH" in os.environ
    assert "PATH" not in out.getvalue()
    assert one.stop() == "gone"
