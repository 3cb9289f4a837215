"""The keeper of one `vllm serve`: starts it, waits until it really answers, watches it, and ends it without cutting
answers off.

Three things look alike from outside and are told apart here: it died, it never got ready, it fell sick after it was
ready. Each has its exception, with the last lines that the process printed.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from shared.adapters.clock import SystemClock

TAIL = 40
"""Lines of the process' output that an error shows."""
SICK_AFTER = 3
"""Checks in a row that must fail: one alone is a long garbage collection."""
INSIDE = "x-chatsmart-inside"
Ended = Literal["drained", "killed", "gone"]


class PoolFault(RuntimeError):
    """The server can't be used. The message ends with the last lines that it printed."""


class Died(PoolFault):
    """The process ended by itself."""


class NeverHealthy(PoolFault):
    """It runs, and was not ready in time."""


class WentSick(PoolFault):
    """It was ready, and no longer is."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start and how long to be patient; all times in seconds."""

    argv: tuple[str, ...]
    cwd: Path
    state: Path
    """The folder that the server's front reads too."""
    port: int
    served: str
    ready: float
    """Until it answers, warm-up included."""
    drain: float
    """After an end was asked for, until it is killed; the server's own `--shutdown-timeout` is shorter."""
    env: Mapping[str, str] | None = None
    """The process' whole environment; None: this one's."""
    poll: float = 0.5
    between_checks: float = 5.0
    call: float = 30.0
    """For one warm-up request."""


class Engine:
    """One process. Not for use by several threads, but for `stop`, which may come from any and more than once."""

    def __init__(self, launch: Launch, out: TextIO | None = None) -> None:
        self._launch = launch
        self._out = out or sys.stdout
        self._clock = SystemClock()
        self._process: subprocess.Popen[str] | None = None
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._reader: threading.Thread | None = None
        self._over = threading.Event()
        self._token = secrets.token_urlsafe(32)

    def start(self) -> float:
        """Start it, wait until it is healthy, warm it up; the seconds that took. Raises Died or NeverHealthy, and then
        nothing is left running."""
        began = self._clock.monotonic()
        self._prepare()
        self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
            self._launch.argv,
            cwd=self._launch.cwd,
            env=self._launch.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        try:
            self._await_health(began + self._launch.ready)
            self._warm(began + self._launch.ready)
        except PoolFault:
            self.stop(patience=5.0)
            raise
        return self._clock.monotonic() - began

    def watch(self, ended: Callable[[PoolFault], None]) -> None:
        """Look after it in a thread of its own; `ended` is called once, unless `stop` was called before."""
        threading.Thread(target=self._watch, args=(ended,), daemon=True).start()

    def healthy(self) -> bool:
        """Whether the process runs and says that it is well."""
        return self._alive() and self._call("/health", limit=5.0)[0] == 200

    def order(self, path: str) -> None:
        """Give it an order that callers from outside can't give (`/sleep?level=1`, `/wake_up`). Raises WentSick."""
        status, text = self._call(path, b"", limit=120.0)
        if status != 200:
            raise WentSick(self._told(f"{path} was answered with {status} {text[:200]}"))

    def stop(self, patience: float | None = None) -> Ended:
        """Refuse new work, let it finish what it has begun, end it; after `patience` seconds (the launch's, if None)
        with force, its children too. How it ended."""
        first = not self._over.is_set()
        self._over.set()
        process = self._process
        if process is None or process.poll() is not None:
            return "gone"
        if first:
            (self._launch.state / "draining").touch()
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(self._launch.drain if patience is None else patience)
        except subprocess.TimeoutExpired:
            _kill_group(process)
            process.wait()
            return "killed"
        # What the server started itself must not outlive it: an orphaned engine keeps the card's memory.
        _kill_group(process)
        return "drained"

    def _prepare(self) -> None:
        state = self._launch.state
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        (state / "draining").unlink(missing_ok=True)
        token = state / "token"
        token.unlink(missing_ok=True)
        token.touch(mode=0o600)
        token.write_text(self._token, "ascii")

    def _await_health(self, deadline: float) -> None:
        while not self.healthy():
            if not self._alive():
                raise Died(self._told(f"The server ended with status {self._status()} before it was ready"))
            if self._clock.monotonic() > deadline:
                raise NeverHealthy(self._told(f"The server was not healthy in {self._launch.ready:.0f} s"))
            self._over.wait(self._launch.poll)
            if self._over.is_set():
                raise NeverHealthy("The server was told to end before it was ready.")

    def _warm(self, deadline: float) -> None:
        """First requests are the slowest, by up to a minute (vllm#19824): they are ours. One text, one schema, one
        text again, whose prefix is then cached."""
        for body in _warm_ups(self._launch.served):
            status, text = self._call("/v1/chat/completions", json.dumps(body).encode(), self._launch.call)
            if status == 0:
                self._settle()
            if not self._alive():
                raise Died(self._told(f"The server ended with status {self._status()} while warming up"))
            if status != 200:
                raise NeverHealthy(self._told(f"A warm-up request was answered with {status} {text[:200]}"))
            if self._clock.monotonic() > deadline:
                raise NeverHealthy(self._told(f"The server was not warm in {self._launch.ready:.0f} s"))

    def _watch(self, ended: Callable[[PoolFault], None]) -> None:
        failures = 0
        while not self._over.wait(self._launch.between_checks):
            if not self._alive():
                if not self._over.is_set():
                    ended(
                        Died(self._told(f"The server ended with status {self._status()} after it was ready"))
                    )
                return
            failures = 0 if self.healthy() else failures + 1
            if failures >= SICK_AFTER and not self._over.is_set():
                ended(
                    WentSick(self._told(f"The server was ready, and {failures} checks in a row have failed"))
                )
                return

    def _settle(self) -> None:
        """A process that dies shuts its connections first: give it a moment to be seen dead."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _status(self) -> int | None:
        return self._process.poll() if self._process else None

    def _call(self, path: str, body: bytes | None = None, limit: float = 5.0) -> tuple[int, str]:
        """Status and text; 0 where nothing answered in time."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._launch.port}{path}",
            data=body,
            headers={INSIDE: self._token, "content-type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=limit) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8", "replace")
        except (OSError, ValueError) as error:
            return 0, str(error)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._tail.append(line.rstrip("\n"))
                self._out.write(line)
                self._out.flush()

    def _told(self, what: str) -> str:
        if self._reader is not None and not self._alive():
            self._reader.join(1.0)
        return "\n".join((f"{what}. Its last lines:", *(self._tail or ("(it printed nothing)",))))


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never through a proxy that the environment names: the server is on this machine."""


def _warm_ups(served: str) -> tuple[dict[str, Any], ...]:
    text = "Name the colours of the rainbow, one after the other, and say a word on each of them."
    plain = {
        "model": served,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 16,
        "cache_salt": "warm-up",
    }
    schema = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}
    shape = {"type": "json_schema", "json_schema": {"name": "colour", "schema": schema}}
    return (plain, {**plain, "response_format": shape}, plain)


def _kill_group(process: "subprocess.Popen[str]") -> None:
    """End what is left of the process' own session. Its group's number is the process', which led it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
