"""`chatsmart retention`: the rules, sweeping, erasing one run, legal holds."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from infra.cli.client import Client, Json, connect, named
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble


def show(*, as_json: bool, url: str | None, key: str | None) -> None:
    """The rules in force, what is due next, and the holds."""
    with connect(url, key) as client:
        found = client.call("GET", "/v1/retention")
    if as_json:
        put(found)
        return
    for rule in found.get("rules") or []:
        days = rule.get("days")
        kept = "until deleted" if days is None else f"{days} day{'' if days == 1 else 's'}"
        whose = "own" if rule.get("own") else "house"
        due = f", next due {rule['next_due'][:10]}" if rule.get("next_due") else ""
        print(f"{rule.get('class'):<11} {kept} ({whose}){due}")
    if found.get("legal_hold"):
        print("The policy holds everything.")
    for hold in found.get("holds") or []:
        what = hold.get("run") or "everything"
        state = f"released {str(hold['released'])[:10]}" if hold.get("released") else "in force"
        print(f"{hold.get('id')} {what} {state}: {hold.get('reason')}")


def sweep(*, dry_run: bool, as_json: bool, url: str | None, key: str | None) -> None:
    """Remove what is due, asking again where the server's time for one sweep was up. Raises Trouble where it could not
    be done for some tenants."""
    with connect(url, key) as client:
        found = _turn(client, dry_run=dry_run)
        while found.get("unfinished") and any(found["removed"].values()) and not dry_run:
            before, found = found["removed"], _turn(client, dry_run=dry_run)
            removed = {name: number + before.get(name, 0) for name, number in found["removed"].items()}
            if removed == before:
                break  # a whole turn without progress: somebody has to look
            found["removed"] = removed
    if as_json:
        put(found)
    else:
        print(_told(found))
    if found.get("failed"):
        raise Trouble(f"{found['failed']} tenants could not be swept; the server's log says why.")


def _turn(client: Client, *, dry_run: bool) -> Json:
    found = client.call("POST", "/v1/operator/retention/sweep", {"dry_run": dry_run})
    return found | {"removed": found.get("removed") or {}}


def _told(found: Json) -> str:
    figures = (
        ", ".join(f"{number} {name}" for name, number in found["removed"].items() if number) or "nothing"
    )
    verb = "due" if found.get("dry_run") else "removed"
    rest = "; not finished, run it again" if found.get("unfinished") else ""
    return f"{verb}: {figures} ({found.get('tenants')} tenants, {found.get('held')} on legal hold){rest}"


def erase(run: str, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Remove the words of one run."""
    with connect(url, key) as client:
        found = client.call("DELETE", f"/v1/documents/{named(client, run)}")
    if as_json:
        put(found)
        return
    gone: dict[str, Any] = found.get("removed") or {}
    figures = ", ".join(f"{number} {name}" for name, number in gone.items() if number)
    say(f"{found.get('id')}: {figures or 'its words had gone before'}.")


def hold(reason: str, run: str | None, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Put a hold."""
    with connect(url, key) as client:
        body: Json = {"reason": reason} | ({"run": named(client, run)} if run else {})
        _one(client, "POST", "/v1/retention/holds", body, as_json=as_json)


def release(hold_id: str, *, as_json: bool, url: str | None, key: str | None) -> None:
    """End a hold."""
    with connect(url, key) as client:
        _one(client, "DELETE", f"/v1/retention/holds/{quote(hold_id, safe='')}", None, as_json=as_json)


def _one(client: Client, method: str, path: str, body: Json | None, *, as_json: bool) -> None:
    headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else None
    found = client.call(method, path, body, headers=headers)
    if as_json:
        put(found)
        return
    state = "is released" if found.get("released") else "is in force"
    say(f"{found.get('id')} {state}: {found.get('run') or 'everything'}.")
