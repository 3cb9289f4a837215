"""`make clean`: stop what runs on this machine's home, then remove its data."""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from infra.cli.screen import say
from infra.cli.target import born, running
from infra.cli.trouble import Trouble
from shared.config import Settings

STOP_SECONDS = 15.0
_MARKS = {"key", "start.lock", "keeper.lock"}
"""Files of a home of ours: a folder with none of these is not removed."""


def clean() -> None:
    """Stop and remove. Raises Trouble where something does not end, or the folder is not a home."""
    home = Settings.from_env().home
    server = running(home)
    if server is not None:
        say(f"Stopping process {server.pid} …")
        os.kill(server.pid, signal.SIGTERM)
        _until(lambda: not born(server.pid), f"process {server.pid}")
    if not home.exists():
        return
    held = {path.name for path in home.iterdir()}
    if not held & _MARKS:
        raise Trouble(f"{home} does not look like a ChatSmart home; nothing was removed.", code=2)
    _until(lambda: _unlocked(home / "keeper.lock"), f"whatever uses the servers of {home}")
    with suppress(OSError):
        # Sockets lie elsewhere where the home's own path is too long for them.
        sockets = Path((home / "run.path").read_text())
        if sockets.name.startswith("cs-"):
            shutil.rmtree(sockets, ignore_errors=True)
    shutil.rmtree(home)
    say(f"Removed {home}.")


def _unlocked(path: Path) -> bool:
    """Whether no keeper holds the lock that it keeps while its servers run."""
    if not path.exists():
        return True
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _until(over: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while not over():
        if time.monotonic() > deadline:
            raise Trouble(f"{what} does not end; end it by hand, then run this again.")
        time.sleep(0.05)
