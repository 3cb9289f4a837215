"""Which server a verb talks to, and with which key."""

import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from infra.cli.trouble import Trouble

SERVER_FILE = "server.json"
KEY_FILE = "key"
LOOK_SECONDS = 5.0


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
    simulator: str = ""
    """Where its simulated providers are; empty where all are real."""


def local_home() -> Path:
    """The data directory of this machine's own server."""
    from shared.config import Settings

    return Settings.from_env().home


def running(home: Path) -> Server | None:
    """The server that `chatsmart up` left word of; None where there is none or its process is gone."""
    try:
        note = json.loads((home / SERVER_FILE).read_text("utf-8"))
        server = Server(str(note["url"]), int(note["pid"]), str(note.get("simulator", "")))
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
    if url is not None:
        _check(url)
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
        _listens(url)
        raise Trouble(f"{url} needs an API key: pass --key cs_… or set CHATSMART_KEY.", code=2)
    if not re.fullmatch(r"[!#-~]+", key):
        raise Trouble("That is no API key: they look like cs_…, in plain letters and digits.", code=2)
    return Target(url.rstrip("/"), key)


def _check(url: str) -> None:
    import httpx

    try:
        parts = httpx.URL(url)
        fits = (
            parts.scheme in ("http", "https") and bool(parts.host) and not parts.query and url.isprintable()
        )
        fits = fits and urlsplit(url).port != 0  # a port that is none raises ValueError
    except (httpx.InvalidURL, ValueError):
        fits = False
    if not fits:
        raise Trouble(f"'{url}' is no address: --url takes one like http://127.0.0.1:8000.", code=2)


def no_server(url: str, error: Exception) -> Trouble:
    """What to say where no server answers."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Trouble(
        f"No ChatSmart server answers at {url} ({reason}).\n"
        "Start one with `chatsmart up`, or name another with --url."
    )


def _listens(url: str) -> None:
    """Nobody should look for a key to a server that is not there. Raises Trouble."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=LOOK_SECONDS).close()
    except OSError as error:
        raise no_server(url, error) from None


def _demo_key(home: Path) -> str:
    try:
        return (home / KEY_FILE).read_text("utf-8").strip()
    except OSError:
        return ""
