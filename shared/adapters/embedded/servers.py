"""How each of the two servers is made ready, started, asked whether it is up, and ended."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Protocol

from shared.adapters.embedded.account import Account, becoming, give, lent
from shared.adapters.embedded.layout import PORT, Layout

LOG_LIMIT = 8 << 20
"""Bytes; a longer log is set aside when a server starts."""


class Server(Protocol):
    """One server of a home."""

    name: str
    polite: signal.Signals
    """Ends it without loss."""
    rude: signal.Signals
    """Ends it now; its next start recovers."""

    def prepare(self) -> None:
        """Make or mend what lies on disk. Nothing of this server runs."""
        ...

    def command(self) -> Sequence[str | Path]:
        """What is run."""
        ...

    def become(self) -> None:
        """What the child does before it is that."""
        ...

    def pid(self) -> int | None:
        """The process that a pid file of the server names, where there is one."""
        ...

    def up(self) -> bool:
        """Whether it takes commands."""
        ...


def _open_log(layout: Layout, name: str) -> IO[bytes]:
    path = layout.logs / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _first_number(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(path.read_text().split()[0])
    return None


def _folder(path: Path, account: Account | None) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    give(path, account)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


class Postgres:
    """Postgres 18, `trust` on a socket that only the home's owner can reach."""

    name = "postgres"
    polite = signal.SIGINT  # "fast": sessions are ended, everything is written
    rude = signal.SIGQUIT

    def __init__(self, layout: Layout, binaries: Path, durable: bool) -> None:
        self._data = layout.postgres_data
        self._layout = layout
        self._binaries = binaries
        self._durable = durable
        self._account = lent(self._data)
        self._become = becoming(self._account, (binaries, layout.home, layout.run), self.polite)

    def prepare(self) -> None:
        _folder(self._layout.postgres_sockets, self._account)
        if not self._data.exists():
            self._initialise()
        made_by = (self._data / "PG_VERSION").read_text().strip()
        if made_by != "18":
            raise RuntimeError(
                f"{self._data} was made by Postgres {made_by}; this is 18. Move the data with pg_dump, "
                "or use another home."
            )
        # The number in it may be somebody else's by now (a restarted container), and Postgres would not start then.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for left in self._layout.postgres_sockets.glob(".s.PGSQL.*"):
            left.unlink()

    def _initialise(self) -> None:
        """initdb beside the final place, then one rename: a killed start leaves nothing half-made behind."""
        fresh = self._data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        _folder(fresh, self._account)
        command: list[str | Path] = [
            self._binaries / "initdb",
            "-D",
            fresh,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        command += [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-locale",
            "--no-instructions",
        ]
        command += [] if self._durable else ["--no-sync"]
        done = subprocess.run(
            command, capture_output=True, cwd="/", env=_environment(), preexec_fn=self._become, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr.decode(errors='replace').strip()[-600:]}")
        fresh.rename(self._data)

    def command(self) -> Sequence[str | Path]:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._layout.postgres_sockets),
            "unix_socket_permissions": "0700",
            # Files, not /dev/shm: containers give that 64 MB, and kill -9 would leave segments behind in it.
            "dynamic_shared_memory_type": "mmap",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "max_wal_size": "512MB",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self._durable:  # loses data when the machine dies, and still none when the server does
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self._binaries / "postgres", "-D", self._data, *options]

    def become(self) -> None:
        self._become()

    def up(self) -> bool:
        """The eighth line of postmaster.pid: what pg_ctl waits for."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def pid(self) -> int | None:
        return _first_number(self._data / "postmaster.pid")


class Redis:
    """Redis 6.2 on a unix socket, every command in an append-only file."""

    name = "redis"
    polite = signal.SIGTERM
    rude = signal.SIGKILL

    def __init__(self, layout: Layout, binary: Path, durable: bool) -> None:
        self._data = layout.redis_data
        self._layout = layout
        self._binary = binary
        self._durable = durable
        self._account = lent(self._data)
        self._become = becoming(self._account, (binary.parent, layout.home, layout.run), self.polite)

    def prepare(self) -> None:
        _folder(self._data, self._account)
        _folder(self._layout.redis_socket.parent, self._account)
        self._layout.redis_socket.unlink(missing_ok=True)

    def command(self) -> Sequence[str | Path]:
        settings = {
            "port": "0",
            "unixsocket": str(self._layout.redis_socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "pidfile": str(self._data / "redis.pid"),
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",  # a killed server leaves half a command at the end: dropped, not fatal
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [self._binary, *options]

    def become(self) -> None:
        self._become()

    def up(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(1)
                link.connect(str(self._layout.redis_socket))
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def pid(self) -> int | None:
        return _first_number(self._data / "redis.pid")


def start(server: Server, layout: Layout, patience: float = 10.0) -> "subprocess.Popen[bytes]":
    """End what an earlier, killed keeper left running, mend, run.

    A server and all its children inherit a locked file: while one of them lives the lock is held, so nothing ever
    starts beside a leftover, whatever stale pid files say. Raises RuntimeError where a leftover does not end.
    """
    with _exclusive(server, layout, patience) as lock:
        server.prepare()
        with _open_log(layout, server.name) as log:
            return subprocess.Popen(
                server.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                pass_fds=(lock,),
                preexec_fn=server.become,
            )


@contextlib.contextmanager
def _exclusive(server: Server, layout: Layout, patience: float) -> Iterator[int]:
    path = layout.home / f"{server.name}.lock"
    with path.open("w") as lock:
        for signal_, seconds in ((server.polite, patience), (server.rude, 3.0), (signal.SIGKILL, 3.0)):
            if _within(0, lambda: _locked(lock)):
                break
            _end_named(server, signal_)
            if _within(seconds, lambda: _locked(lock)):
                break
        else:
            raise RuntimeError(
                f"An earlier {server.name} of this home does not end (process {server.pid()}): end it."
            )
        yield lock.fileno()


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def _end_named(server: Server, signal_: signal.Signals) -> None:
    """Signal the process of the pid file, where it is still that server and not a later owner of its number."""
    pid = server.pid()
    if pid is None:
        return
    with contextlib.suppress(OSError):
        if Path("/proc/self").exists():
            shown = Path(f"/proc/{pid}/cmdline").read_bytes()
        else:
            shown = subprocess.run(
                ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
            ).stdout
        if server.name.encode() in shown:
            os.kill(pid, signal_)
