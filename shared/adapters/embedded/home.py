"""The servers of a home, as the program sees them: start, addresses, stop."""

import asyncio
import contextlib
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

import shared
from shared.adapters.embedded import layout
from shared.core.faults import Unavailable

ServerName = Literal["postgres", "redis"]
_PATIENCE = 90.0
"""Seconds: a first start on a busy machine makes a whole database cluster."""
_ROOT = Path(shared.__file__).parent.parent
_KEEPER = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from shared.adapters.embedded.keeper import main; main()"


class Servers:
    """Postgres and Redis of one home, for as long as this object is started.

    Processes that start the same home share its servers; the last to stop, or to die, ends them. `durable` off trades
    safety on power loss for speed (tests). `ephemeral` removes the whole home with its servers.
    """

    def __init__(
        self,
        home: Path,
        *,
        names: tuple[ServerName, ...] = ("postgres", "redis"),
        durable: bool = True,
        ephemeral: bool = False,
    ) -> None:
        self._home = Path(os.path.abspath(home))
        self._names = names
        self._durable = durable
        self._ephemeral = ephemeral
        self._link: socket.socket | None = None
        self._layout: layout.Layout | None = None

    def start(self) -> None:
        """Start them, or join whoever runs them. Raises Unavailable with the reason in words."""
        try:
            with self._start_lock():
                link = self._join()
                if link is None:
                    self._spawn()
                    link = self._join()
                if link is None:
                    raise Unavailable(
                        f"The servers of {self._home} ended as they started; see {self._home / 'logs'}."
                    )
                self._link = link
        except PermissionError as error:
            raise Unavailable(
                f"The embedded home {self._home} belongs to another user ({error}). If it was first started as root, "
                "start it as root again or remove it ('make clean')."
            ) from error
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            raise Unavailable(f"The embedded home {self._home} can't start: {_said(error)}") from error

    def stop(self) -> None:
        """Leave. Returns when the servers have ended, or at once where others still use them."""
        link, self._link = self._link, None
        if link is None:
            return
        with link, contextlib.suppress(OSError):
            link.settimeout(_PATIENCE)
            link.sendall(b"bye\n")
            while link.recv(256):
                pass

    def postgres_dsn(self, user: str, database: str = "postgres") -> str:
        """`user` is `postgres` (superuser, for migrations) or a role without a password."""
        return self._here().postgres_dsn(user, database)

    def redis_dsn(self) -> str:
        """For redis-py."""
        return self._here().redis_dsn()

    def down(self, name: ServerName) -> None:
        """End one server and keep it ended: how an outage is rehearsed."""
        self._order(f"down {name}")

    def up(self, name: ServerName) -> None:
        """Start it again; returns when it takes commands."""
        self._order(f"up {name}")

    def __enter__(self) -> "Servers":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> "Servers":
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.stop))

    def _here(self) -> layout.Layout:
        if self._layout is None:
            raise Unavailable(f"The servers of {self._home} are not started.")
        return self._layout

    def _order(self, line: str) -> None:
        if self._link is None:
            raise Unavailable(f"The servers of {self._home} are not started.")
        self._link.sendall(line.encode() + b"\n")
        if self._link.recv(64) != b"done\n":
            raise Unavailable(f"The servers of {self._home} have ended.")

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[None]:
        """One starter at a time. An ephemeral home may vanish while we wait for its lock: then begin again."""
        path = self._home / "start.lock"
        while True:
            # 711: an account that root lends to the servers must be able to walk in; nobody can list or read
            self._home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            self._hide()
            with path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                    yield
                    return

    def _hide(self) -> None:
        """A home inside a checkout must not show up in `git status`, whatever it is called."""
        ignore = self._home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")

    def _join(self) -> socket.socket | None:
        """A connection to the home's keeper; None where none runs."""
        found = layout.known(self._home)
        if found is None:
            return None
        link = socket.socket(socket.AF_UNIX)
        try:
            link.settimeout(_PATIENCE)
            link.connect(str(found.keeper_socket))
            link.sendall(b"hello\n")
            if link.recv(64) == b"done\n":
                self._layout = found
                return link
        except OSError:
            pass  # no keeper, or one that is ending: the caller starts a new one
        link.close()
        return None

    def _spawn(self) -> None:
        where = layout.fresh(self._home)
        where.logs.mkdir(mode=0o700, exist_ok=True)
        told, report = os.pipe()
        orders = {
            "home": str(where.home),
            "run": str(where.run),
            "postgres": str(layout.postgres_binaries()) if "postgres" in self._names else "",
            "redis": str(layout.redis_binary()) if "redis" in self._names else "",
            "durable": self._durable,
            "ephemeral": self._ephemeral,
            "report": report,
        }
        try:
            with (where.logs / "keeper.log").open("ab") as log:
                subprocess.run(  # it forks and returns at once
                    [sys.executable, "-I", "-S", "-c", _KEEPER, json.dumps(orders)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    pass_fds=(report,),
                    # A Ctrl-C of the terminal is for whoever started us: it must not end a keeper half-way.
                    start_new_session=True,
                    check=True,
                )
            os.close(report)
            said = _first_line(told)
        finally:
            os.close(told)
        if "error" in said:
            raise RuntimeError(said["error"])


def _said(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):  # its own words hold the whole program
        return f"its keeper ended with {error.returncode}; see keeper.log in its folder logs."
    return str(error)


def _first_line(told: int) -> dict[str, str]:
    deadline = time.monotonic() + _PATIENCE
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([told], [], [], max(deadline - time.monotonic(), 0))
        piece = os.read(told, 65536) if ready else b""
        if not piece:
            return {"error": "the keeper said nothing" if ready else f"not ready within {_PATIENCE:.0f} s"}
        text += piece
    answer: dict[str, str] = json.loads(text)
    return answer


@contextlib.asynccontextmanager
async def postgres(home: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Postgres alone; gives the superuser's DSN."""
    async with Servers(home, names=("postgres",), durable=durable) as servers:
        yield servers.postgres_dsn("postgres")


@contextlib.asynccontextmanager
async def redis(home: Path, *, durable: bool = True) -> AsyncIterator[str]:
    """Redis alone; gives its DSN."""
    async with Servers(home, names=("redis",), durable=durable) as servers:
        yield servers.redis_dsn()
