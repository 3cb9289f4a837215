"""Which server a verb talks to, and with which key."""

import json
from dataclasses import dataclass
from pathlib import Path

from infra.cli.trouble import Trouble

SERVER_FILE = "server.json"
KEY_FILE = "key"


@dataclass(frozen=True, slots=True)
class Target:
    """A server's address, without a slash at its end, and an API key for it."""

    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Server:
    """The server that runs on this machine's home."""

    url: str
    pid: int


def local_home() -> Path:
    """The data directory of this machine's own server."""
    from shared.config import Settings

    return Settings.from_env().home


def running(home: Path) -> Server | None:
    """The server that `chatsmart up` left word of; None where there is none or its process is gone."""
    try:
        note = json.loads((home / SERVER_FILE).read_text("utf-8"))
        server = Server(str(note["url"]), int(note["pid"]))
        since = float(note.get("born", 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    lives = born(server.pid)
    # A process number is used again: after a kill -9 it may be anybody's.
    return server if lives and (not since or abs(lives - since) < 2) else None


def born(pid: int) -> float:
    """When a process began, in seconds of the epoch; 0 where none of that number lives."""
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError, OverflowError):
        return 0.0


def find(url: str | None, key: str | None) -> Target:
    """The target that was named, or this machine's own. Raises Trouble where neither is there."""
    if url is not None and not url.startswith(("http://", "https://")):
        raise Trouble(f"'{url}' is no address: --url takes one like http://127.0.0.1:8000.", code=2)
    if url is None:
        home = local_home()
        server = running(home)
        if server is None:
            raise Trouble(
                f"No ChatSmart server runs on {home}. Start it with `chatsmart up`, or name one with --url."
            )
        url = server.url
        key = key or _demo_key(home)
    if not key:
        raise Trouble(f"{url} needs an API key: pass --key cs_… or set CHATSMART_KEY.", code=2)
    return Target(url.rstrip("/"), key)


def _demo_key(home: Path) -> str:
    try:
        return (home / KEY_FILE).read_text("utf-8").strip()
    except OSError:
        return ""
