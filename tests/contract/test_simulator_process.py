"""The simulator as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

_ROOT = Path(__file__).resolve().parents[2]


def _start(*options: str, **more: Any) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "infra.simulator", "--port", "0", *options]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, **more)


@pytest.fixture
def server() -> Iterator["subprocess.Popen[bytes]"]:
    """A running process, ended whatever happens."""
    process = _start("--ttft-ms", "30")
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _port(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout is not None
    return int(orjson.loads(process.stdout.readline())["port"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_its_port_and_ends_on_a_signal(
    server: "subprocess.Popen[bytes]", number: signal.Signals
) -> None:
    """One JSON line names the port; a signal ends it with status 0; the latency asked for is kept."""
    url = f"http://127.0.0.1:{_port(server)}/openai/v1/chat/completions"
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Say hello"}]}
    began = time.monotonic()
    answer = httpx.post(url, json=body, headers={"Authorization": "Bearer k"}, timeout=10)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert time.monotonic() - began >= 0.03
    server.send_signal(number)
    assert server.wait(timeout=5) == 0


def test_resets_and_departures_are_real_there_too(server: "subprocess.Popen[bytes]") -> None:
    """Under the process's own event loop a reset is a reset, and a client's end is recorded at once."""
    origin = f"http://127.0.0.1:{_port(server)}"
    url = f"{origin}/openai/v1/chat/completions"
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Explain wind"}], "stream": True}
    headers = {"Authorization": "Bearer k", "x-sim-fault": "reset", "x-sim-after-chunks": "2"}
    with httpx.Client(timeout=10) as client:
        with pytest.raises(httpx.ReadError, match=r"reset|104"):
            client.post(url, json=body, headers=headers)
        stalled = {**headers, "x-sim-fault": "stall"}
        with client.stream("POST", url, json=body, headers=stalled) as response:
            next(response.iter_raw())
        left = time.monotonic()
        while not client.get(f"{origin}/_control/calls").json()["calls"][-1]["cancelled"]:
            assert time.monotonic() - left < 0.5
    assert time.monotonic() - left < 0.5


def test_it_ends_with_its_parent() -> None:
    """When the process named by `--parent-pid` is gone, so is the simulator."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as parent:
        child = _start("--parent-pid", str(parent.pid))
        _port(child)
        time.sleep(0.7)
        assert child.poll() is None
        parent.kill()
        parent.wait()
        try:
            assert child.wait(timeout=5) == 0
        finally:
            child.kill()
            assert child.stdout is not None
            child.stdout.close()
    assert not _exists(child.pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
