"""The keeper: a process of its own that owns the servers of one home.

Every user of the home holds a connection to the keeper's socket. The system closes it when the user dies, kill -9
included, and when the last one is closed the keeper ends the servers and itself. Users therefore share a home, never
fight over it. A server that dies is started again. If the keeper itself is killed, the servers get their ending
signal from the system (Linux), and the next start cleans up.

It runs on the standard library alone, without site-packages: 25 ms to start, no third-party import to break it.
"""

import contextlib
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType

from shared.adapters.embedded.layout import Layout
from shared.adapters.embedded.servers import Postgres, Redis, Server, start

_FIRST_USER = 30.0
_START = 60.0
_RESTART_PAUSE = 0.5
"""Seconds: how long to wait for a first user, for a server to come up, and before a dead one is started again."""


class Keeper:
    """Starts, watches and ends the servers of a home."""

    def __init__(self, layout: Layout, servers: list[Server], ephemeral: bool) -> None:
        self._layout = layout
        self._servers = {server.name: server for server in servers}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._held_down: set[str] = set()
        self._retry_at: dict[str, float] = {}
        self._ephemeral = ephemeral
        self._selector = selectors.DefaultSelector()
        self._users = 0
        self._leaving: list[socket.socket] = []
        self._asked_to_end = False

    def run(self, report: int) -> None:
        """The whole life of a keeper. `report` is the pipe that the first user waits on."""
        signal.signal(signal.SIGTERM, self._on_term)
        try:
            for server in self._servers.values():
                self._running[server.name] = start(server, self._layout)
            for name in self._servers:
                self._await_up(name)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(self._layout.keeper_socket))
                self._layout.keeper_socket.chmod(0o600)
                listener.listen(64)
                self._selector.register(listener, selectors.EVENT_READ)
                _tell(report, {"ready": True})
                self._serve(listener)
        except Exception as error:
            traceback.print_exc()
            _tell(report, {"error": str(error) or type(error).__name__})
        finally:
            self._end()

    def _on_term(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked_to_end = True

    def _serve(self, listener: socket.socket) -> None:
        patience = time.monotonic() + _FIRST_USER
        seen = False
        while not self._asked_to_end and (self._users or (not seen and time.monotonic() < patience)):
            for key, _ in self._selector.select(timeout=0.25):
                if key.fileobj is listener:
                    user, _ = listener.accept()
                    self._selector.register(user, selectors.EVENT_READ)
                    self._users += 1
                    seen = True
                elif isinstance(key.fileobj, socket.socket) and self._gone(key.fileobj):
                    self._selector.unregister(key.fileobj)
                    self._users -= 1
                    self._leaving.append(key.fileobj)
            if self._users:
                for user in self._leaving:
                    user.close()
                self._leaving.clear()
            self._revive()
        # The last user's connection is closed by this process's exit: for that user it means "all ended".

    def _gone(self, user: socket.socket) -> bool:
        """Read what a user says. True where it leaves or is dead."""
        try:
            said = user.recv(256).decode().split()
        except OSError:
            return True
        if not said or said[0] == "bye":
            return True
        order, names = said[0], said[1:]
        for name in names:
            if order == "down":
                self._held_down.add(name)
                self._stop(name)
            elif order == "up":
                self._held_down.discard(name)
                if self._running[name].poll() is not None:
                    self._running[name] = start(self._servers[name], self._layout)
                self._await_up(name)
        with contextlib.suppress(OSError):
            user.sendall(b"done\n")
        return False

    def _revive(self) -> None:
        for name, process in list(self._running.items()):
            code = process.poll()
            now = time.monotonic()
            if code is None or name in self._held_down or now < self._retry_at.get(name, 0):
                continue
            print(f"{name} ended with {code}: starting it again", flush=True)
            self._retry_at[name] = now + _RESTART_PAUSE
            try:
                self._running[name] = start(self._servers[name], self._layout)
            except (
                OSError,
                RuntimeError,
            ):  # a full disk, say: the other server goes on, and this one may yet come
                traceback.print_exc()

    def _await_up(self, name: str) -> None:
        deadline = time.monotonic() + _START
        while not self._servers[name].up():
            code = self._running[name].poll()
            if code is not None:
                raise RuntimeError(f"{name} ended with {code} as it started: {self._last_words(name)}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} did not come up within {_START:.0f} s: {self._last_words(name)}")
            time.sleep(0.005)

    def _last_words(self, name: str) -> str:
        log = self._layout.logs / f"{name}.log"
        return f"{log} ends: " + " | ".join(log.read_text(errors="replace").splitlines()[-4:])

    def _stop(self, name: str) -> None:
        process, server = self._running[name], self._servers[name]
        for signal_, seconds in ((server.polite, 20.0), (server.rude, 5.0), (signal.SIGKILL, 5.0)):
            if process.poll() is not None:
                return
            process.send_signal(signal_)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)

    def _end(self) -> None:
        for name, process in self._running.items():
            if process.poll() is None:
                process.send_signal(self._servers[name].polite)  # both at once, then wait for each
        for name in self._running:
            self._stop(name)
        shutil.rmtree(self._layout.run, ignore_errors=True)
        if self._ephemeral:
            shutil.rmtree(self._layout.home, ignore_errors=True)


def _tell(report: int, what: dict[str, object]) -> None:
    with contextlib.suppress(OSError):  # whoever started us may be gone
        os.write(report, json.dumps(what).encode() + b"\n")
        os.close(report)


def main() -> None:
    """`argv[1]` is a JSON object: home, run, postgres, redis (paths, empty for none), durable, ephemeral, report."""
    orders = json.loads(sys.argv[1])
    if (
        os.fork()
    ):  # nobody's child: whoever started it owes it no wait, and Ctrl-C in a terminal does not reach it
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    layout = Layout(Path(orders["home"]), Path(orders["run"]))
    report = int(orders["report"])
    with (layout.home / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # an earlier keeper may still be ending its servers
        try:
            servers: list[Server] = []
            if orders["postgres"]:
                servers.append(Postgres(layout, Path(orders["postgres"]), orders["durable"]))
            if orders["redis"]:
                servers.append(Redis(layout, Path(orders["redis"]), orders["durable"]))
        except Exception as error:
            _tell(report, {"error": str(error)})
            raise
        Keeper(layout, servers, orders["ephemeral"]).run(report)
