"""`chatsmart policy`: the tenant's policy, shown, changed and looked back on."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from infra.cli.client import Json, connect
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble

_PARTS = (
    "spend", "rate", "models", "redact", "cache", "log", "fallback", "output", "retention", "legal_hold",
)  # fmt: skip
"""The order in which a person is shown them; what else a server has comes after them."""
_ABOUT = {"object", "version", "own", "key", "now", "at", "by"}
"""What the API says of a policy beside its parts."""


def show(*, as_json: bool, url: str | None, key: str | None) -> None:
    """The policy in force. For a person its parts, as `set` takes them; limits are the tenant's own."""
    with connect(url, key) as client:
        policy = client.call("GET", "/v1/policy")
    if as_json:
        put(policy)
        return
    own = policy.get("own") or {}
    parts = parts_of(policy)
    for name in ("spend", "rate"):
        if isinstance(parts.get(name), dict):
            parts[name] = {field: own.get(field) for field in parts[name]}
    print(json.dumps(parts, ensure_ascii=False, indent=2))
    say(f"version {policy.get('version')}; a limit that is null is the house's")
    for balance in policy.get("now") or []:
        say(_balance(balance))


def change(file: str, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Replace the parts that a file holds. Raises Trouble for a file that can't be used."""
    body = read(file)
    with connect(url, key) as client:
        policy = client.call("PUT", "/v1/policy", body, headers={"Idempotency-Key": str(uuid4())})
    if as_json:
        put(policy)
    else:
        say(f"Version {policy.get('version')} is in force: at once here, within two seconds everywhere.")


def history(*, as_json: bool, url: str | None, key: str | None) -> None:
    """All versions, newest first; for a person with what each changed."""
    rows: list[Json] = []
    with connect(url, key) as client:
        cursor: str | None = None
        while True:
            params: dict[str, str | int] = {"limit": 100, **({"after": cursor} if cursor else {})}
            page = client.call("GET", "/v1/policy/history", params=params)
            rows += page.get("data") or []
            cursor = page.get("next")
            if not cursor:
                break
    if as_json:
        for row in rows:
            put(row)
        return
    for row, older in zip(rows, [*rows[1:], {}], strict=True):
        before = parts_of(older)
        changed = [name for name, part in parts_of(row).items() if before.get(name) != part]
        what = ", ".join(changed) if older else "the first"
        print(f"{row.get('version'):>5}  {str(row.get('at'))[:19]}  {row.get('by')}  {what}")


def parts_of(policy: Json) -> dict[str, Any]:
    """The parts of a policy or of a version of it."""
    known = {name: policy[name] for name in _PARTS if name in policy}
    return known | {name: part for name, part in policy.items() if name not in known and name not in _ABOUT}


def read(file: str) -> Json:
    """The JSON object in a file, or on stdin for `-`. Raises Trouble."""
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        found = json.loads(text)
    except OSError as error:
        raise Trouble(f"{file} can't be read: {error.strerror}.", code=2) from None
    except (ValueError, RecursionError) as error:
        raise Trouble(f"{file} is no JSON: {error}.", code=2) from None
    if not isinstance(found, dict):
        raise Trouble(f"{file} must hold a JSON object of parts: {', '.join(_PARTS)}.", code=2)
    return found


def _balance(balance: Json) -> str:
    cap = balance.get("cap_micros")
    spent, held = (f"${(balance.get(f'{name}_micros') or 0) / 1e6:.6f}" for name in ("spent", "held"))
    most = "no cap" if cap is None else f"of ${cap / 1e6:.2f}"
    return f"this {balance.get('period')} ({balance.get('scope')}): {spent} spent, {held} held, {most}"
