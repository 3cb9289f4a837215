"""`python -m infra.deploying.looking`: what is at Modal, asked through its client, in a process of its own.

Of its own, because the client reads its settings from the process's environment and tries on for long where nobody
answers: whoever started this ends it. Reads a JSON object from stdin, prints one.
"""

import contextlib
import json
import socket
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import modal
from modal.config import config
from modal.exception import AuthError, NotFoundError

_REFUSED = (
    "Modal refuses the token: {said}\n"
    "Make one with `modal token new`, or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET."
)

_REACH_SECONDS = 10.0


def look(asked: dict[str, Any]) -> dict[str, Any]:
    """What is there of what is asked for; `trouble` where it can't be told."""
    environment: str = asked["environment"]
    found: dict[str, Any] = {"missing": {}, "deployed": False, "pool_url": ""}
    server: str = config["server_url"]
    try:
        _reached(server)
        found["environments"] = sorted(one.name or "" for one in modal.Environment.objects.list())
    except AuthError as error:
        return {"trouble": _REFUSED.format(said=error)}
    except OSError as error:
        return {
            "trouble": f"Modal can't be reached at {server}: {error.strerror or error}. Is the network up?"
        }
    except modal.exception.Error as error:
        return {"trouble": f"Modal answers at {server} with an error: {error}"}
    if environment not in found["environments"]:
        return found
    for name, keys in asked["secrets"].items():
        found["missing"][name] = _missing(name, environment, keys)
    try:
        modal.App.lookup(asked["app"], environment_name=environment, create_if_missing=False)
        found["deployed"] = True
    except NotFoundError:
        return found
    if asked["pool"]:
        found["pool_url"] = _pool(asked["app"], environment)
    return found


def _reached(servers: str) -> None:
    """Modal's client tries for minutes where nobody listens. Several stand behind commas, and one is enough. Raises
    OSError."""
    *others, last = servers.split(",")
    for server in others:
        with contextlib.suppress(OSError):
            return _connect(server)
    return _connect(last)


def _connect(server: str) -> None:
    parts = urlsplit(server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    socket.create_connection((parts.hostname or "", port), timeout=_REACH_SECONDS).close()


def _missing(name: str, environment: str, keys: Sequence[str]) -> list[str] | None:
    """The keys that a secret lacks; None where there is no such secret. Modal tells names of keys to nobody: each one
    is asked for, where not all are there."""
    if not _holds(name, environment, []):
        return None
    if _holds(name, environment, keys):
        return []
    return [key for key in keys if not _holds(name, environment, [key])]


def _holds(name: str, environment: str, keys: Sequence[str]) -> bool:
    try:
        modal.Secret.from_name(name, environment_name=environment, required_keys=list(keys)).hydrate()
    except (NotFoundError, modal.exception.InvalidError, modal.exception.RemoteError):
        return False
    return True


def _pool(app: str, environment: str) -> str:
    """Where the pool that is deployed answers; empty where there is none."""
    try:
        return modal.Server.from_name(app, "Llama", environment_name=environment).get_url() or ""
    except NotFoundError:
        return ""


def main() -> None:
    """Ask and print."""
    sys.stdout.write(json.dumps(look(json.load(sys.stdin))) + "\n")


if __name__ == "__main__":
    main()
