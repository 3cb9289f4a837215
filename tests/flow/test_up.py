"""`chatsmart up`, as a person meets it: it starts, serves, stops, and leaves nothing running and nothing lost."""

import json
import os
import shlex
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from infra.cli.up import Running, _tell
from shared.config import Settings
from tests.flow.started import all_gone, end, environment, launch, remaining, started

if TYPE_CHECKING:
    import psutil

pytestmark = pytest.mark.xdist_group("up")


def children(pid: int) -> list[int]:
    """All processes below one."""
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def gone(pids: list[int], seconds: float) -> bool:
    """Whether all of these end within so long."""
    import psutil

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(
            psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids
        ):
            return True
        time.sleep(0.05)
    return False


def test_the_printed_curl_line_works_and_ctrl_c_ends_it_all(tmp_path: Path) -> None:
    """The curl line streams a document to its end; Ctrl-C takes at most about two seconds; a second start is on the
    same data and keeps the key."""
    home = tmp_path / "home with a space"
    with started(home) as first:
        assert first.seconds < 20
        below = children(first.process.pid)
        done = subprocess.run(
            shlex.split(first.said["curl"]), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("id: 1\nevent: started\n")
        assert "event: finished\n" in done.stdout
        assert json.loads((home / "server.json").read_text())["url"] == first.url
        assert first.stop() < 3
        assert first.process.returncode == 0
    assert gone(below, 3)
    assert all_gone(home, 3) == []
    assert not (home / "server.json").exists()
    with started(home) as second:
        assert second.key == first.key
        answer = httpx.get(
            f"{second.url}/v1/documents", headers={"Authorization": f"Bearer {second.key}"}, timeout=20
        )
        assert [row["status"] for row in answer.json()["data"]] == ["finished"]
        assert second.seconds < 8
        second.stop(signal.SIGTERM)
        assert second.process.returncode == 0


def test_after_a_kill_it_starts_again(tmp_path: Path) -> None:
    """kill -9 leaves no process behind and nothing in the way of the next start."""
    home = tmp_path / "home"
    with started(home) as first:
        below = children(first.process.pid)
        first.process.kill()
        first.process.wait(timeout=10)
        assert gone(below, 5)
        assert all_gone(home, 8) == []
    with started(home) as second:
        assert second.key == first.key
        assert httpx.get(f"{second.url}/readyz", timeout=20).status_code == 200


@pytest.mark.parametrize("after", [0.15, 0.6, 1.2])
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_during_the_start_ends_it(tmp_path: Path, after: float, times: int) -> None:
    """Whenever Ctrl-C comes, once or twice, what has started by then is ended, quietly."""
    home = tmp_path / "home"
    process = launch(home, tmp_path)
    try:
        time.sleep(after)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        _, err = process.communicate(timeout=20)
        # A signal that comes before the interpreter runs our first line ends it in Python's own way.
        assert process.returncode in (0, 130, -signal.SIGINT)
        assert "Traceback" not in err or process.returncode == -signal.SIGINT
        assert all_gone(home, 5) == []
    finally:
        end(process)


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_while_the_keeper_starts_ends_it(tmp_path: Path, times: int) -> None:
    """A terminal's Ctrl-C goes to every process of the group; at the keeper's birth too it ends quietly, and all."""
    import psutil

    home = tmp_path / "home"
    process = subprocess.Popen(
        launch_words(), cwd=tmp_path, env=environment(home), stderr=subprocess.PIPE, text=True,
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        begun = time.monotonic()
        while not _names_keeper(psutil.Process(process.pid)) and time.monotonic() < begun + 20:
            assert process.poll() is None
        for _ in range(times):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        _, err = process.communicate(timeout=40)
        assert process.returncode in (0, 130)
        assert err.splitlines()[1:] == []
        assert all_gone(home, 5) == []
    finally:
        end(process)


def _names_keeper(process: "psutil.Process") -> bool:
    import psutil

    for child in process.children(recursive=True):
        with suppress(psutil.Error):
            if "embedded.keeper" in " ".join(child.cmdline()):
                return True
    return False


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REDIS_URL", "redis://:hush@127.0.0.1:1", "127.0.0.1:1"),
        ("DATABASE_URL", "postgresql://me:hush@127.0.0.1:1/x", "127.0.0.1:1"),
        ("DATABASE_URL", "hush@somewhere", "is no address"),
        ("REDIS_URL", "redis://127.0.0.1:hush", "is no address"),
    ],
)
def test_a_store_that_is_not_there_is_told(tmp_path: Path, name: str, value: str, said: str) -> None:
    """Setting and address in at most two lines, no password, no trace, and nothing is started for it."""
    done = subprocess.run(
        launch_words(), cwd=tmp_path, env=environment(tmp_path / "home", **{name: value}),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(name)
    assert said in done.stderr
    assert "hush" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert not (tmp_path / "home").exists()


def test_a_busy_port_is_told(tmp_path: Path) -> None:
    """A port that is taken is named with the remedy, before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            launch_words(), cwd=tmp_path, env=environment(tmp_path / "home", CHATSMART_PORT=str(port)),
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "CHATSMART_PORT=" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("CHATSMART_PORT", "eight"), ("OPENAI_BASE_URL", "localhost"), ("CHATSMART_ENV", "production")],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    """The variable stands in the message, and the exit code is 2."""
    env = environment(tmp_path / "home", **{name: value})
    done = subprocess.run(
        launch_words(), cwd=tmp_path, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_tier_that_is_off_it_serves(tmp_path: Path) -> None:
    """What is off is named as off, neither as real nor as simulated, and a ladder goes on without its models."""
    with started(tmp_path / "home", LLAMA_BASE_URL="off") as up:
        assert up.said["off"] == ["llama"]
        assert "llama" not in [*up.said["real"], *up.said["simulated"]]
        asked = {"model": "auto:cheap", "messages": [{"role": "user", "content": "Why does tea cool?"}]}
        told = {"Authorization": f"Bearer {up.key}"}
        answer = httpx.post(f"{up.url}/v1/chat/completions", json=asked, headers=told, timeout=30)
        assert answer.status_code == 200, answer.text


def test_the_banner_names_what_is_off(capsys: pytest.CaptureFixture[str]) -> None:
    """A line of its own for people; none where nothing is off."""
    off = Settings.from_env({"LLAMA_BASE_URL": "off", "GEMINI_BASE_URL": "off"}).with_simulator("http://sim")
    _tell(Running("http://here", "cs_x", off), as_json=False)
    said = capsys.readouterr().out
    assert "  off        gemini, llama (" in said
    assert "  simulated  openai, anthropic, perplexity (" in said
    _tell(Running("http://here", "cs_x", Settings().with_simulator("http://sim")), as_json=False)
    assert "  off  " not in capsys.readouterr().out


def test_a_pipeline_left_without_models_is_told(tmp_path: Path) -> None:
    """Tiers off until a step has no model: the step is named, in one line, and nothing is left running."""
    off = {f"{name}_BASE_URL": "off" for name in ("OPENAI", "ANTHROPIC", "GEMINI", "PERPLEXITY", "LLAMA")}
    home = tmp_path / "home"
    done = subprocess.run(
        launch_words(), cwd=tmp_path, env=environment(home, **off), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()[1:]
    assert "step research" in line
    assert "are off" in line
    assert all_gone(home, 5) == []


def test_a_second_one_on_the_same_home_is_told(tmp_path: Path) -> None:
    """Two servers on one home: the second says who runs and how to have another."""
    home = tmp_path / "home"
    with started(home) as first:
        done = subprocess.run(
            launch_words(),
            cwd=tmp_path,
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 1
        assert first.url in done.stderr
        assert httpx.get(f"{first.url}/healthz", timeout=10).status_code == 200
        cleaned = subprocess.run(
            launch_words("clean"),
            cwd=tmp_path,
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert cleaned.returncode == 0, cleaned.stderr
        assert not home.exists()
        assert remaining(home) == []


def launch_words(*verb: str) -> list[str]:
    """The command line as words."""
    import sys

    return [sys.executable, "-m", "infra.cli", *(verb or ("up",))]
