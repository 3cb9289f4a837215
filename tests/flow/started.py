"""A real `chatsmart up` in a process of its own, on a free port and a home of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

START_SECONDS = 60.0


@dataclass
class Started:
    """What runs. `said` is the JSON line that `up --json` prints."""

    process: "subprocess.Popen[str]"
    folder: Path
    home: Path
    said: dict[str, Any]
    seconds: float

    @property
    def url(self) -> str:
        """Where it serves."""
        return str(self.said["url"])

    @property
    def key(self) -> str:
        """The demo tenant's API key."""
        return str(self.said["key"])

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """End it with a signal; the seconds that it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        return time.monotonic() - begun


def environment(home: Path, **more: str) -> dict[str, str]:
    """This process's environment, with nothing of a developer's own settings in it."""
    mine = (
        "CHATSMART_",
        "DATABASE_",
        "REDIS_",
        "SUPABASE_",
        "OPENAI_",
        "ANTHROPIC_",
        "GEMINI_",
        "PERPLEXITY_",
        "LLAMA_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    pace = {"SIM_TTFT_MS": "5", "SIM_TPOT_MS": "0"}
    return {**kept, **pace, "CHATSMART_HOME": str(home), "CHATSMART_PORT": "0", **more}


def launch(home: Path, cwd: Path, **more: str) -> "subprocess.Popen[str]":
    """`chatsmart up --json`, not waited for."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "up", "--json"],
        cwd=cwd,
        env=environment(home, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def started(home: Path, cwd: Path | None = None, **more: str) -> Iterator[Started]:
    """A ChatSmart that serves, `more` in its environment; ended with the block, whatever happened in it."""
    folder = cwd or home.parent
    begun = time.monotonic()
    process = launch(home, folder, **more)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=10)[1][-3000:])
        yield Started(process, folder, home, json.loads(line), time.monotonic() - begun)
    finally:
        end(process)


def end(process: "subprocess.Popen[str]") -> None:
    """Make sure that it is gone, and its pipes closed."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate(timeout=10)


def remaining(home: Path) -> list[str]:
    """Processes that belong to a home: whose command line or working directory names it, or whose parent does."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        if process.info["status"] == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
            continue
        if str(home) in words or str(process.info["cwd"] or "").startswith(str(home)):
            found.append(f"{process.pid} {words[:120]}")
    return found


def all_gone(home: Path, seconds: float) -> list[str]:
    """What still remains of a home after at most so long."""
    deadline = time.monotonic() + seconds
    while (left := remaining(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
