"""`chatsmart plugins`: add, try, switch and look at plugins, and set their secrets."""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from infra.cli.client import Json, connect
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble


def add(  # one option each
    file: Path,
    name: str | None,
    hosts: list[str],
    secrets: list[str],
    events: list[str],
    *,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Add a plugin, or a version of one, out of a file."""
    body: Json = {
        "name": name or file.stem.lower().replace("_", "-"),
        "source": _read(file),
        "grants": {"hosts": hosts, "secrets": secrets},
    }
    if events:
        body["events"] = events
    with connect(url, key) as client:
        made = client.call("POST", "/v1/plugins", body, headers={"Idempotency-Key": str(uuid4())})
    if as_json:
        put(made)
        return
    print(f"{made['name']}  {made['kind']}  version {made['version']}  {made['sha256'][:12]}")
    state = "called from now on" if made["enabled"] else "stored; the plugin is disabled"
    say(f"It is {state}. Try it: chatsmart plugins test {made['name']} --input '…'")


def trial(
    name: str,
    given: str,
    source: Path | None,
    hosts: list[str],
    secrets: list[str],
    *,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Run it once and show what it did. Exits with 1 where it fails."""
    body: Json = {"input": _input(given)}
    if source is not None:
        body["source"] = _read(source)
    if hosts or secrets:
        if source is None:
            raise Trouble(
                "--host and --secret are for a text that is not stored: name it with --source.", code=2
            )
        body["grants"] = {"hosts": hosts, "secrets": secrets}
    with connect(url, key) as client:
        ran = client.call("POST", f"/v1/plugins/{_named(name)}/test", body)
    if as_json:
        put(ran)
    else:
        _tell(ran)
    if ran["outcome"] != "ok":
        raise Trouble("" if as_json else f"{ran['outcome']}: {ran['error']['message']}")


def listed(*, as_json: bool, url: str | None, key: str | None) -> None:
    """All plugins, newest first."""
    with connect(url, key) as client:
        cursor: str | None = None
        while True:
            more = {"after": cursor} if cursor else {}
            page = client.call("GET", "/v1/plugins", params={"limit": 100, **more})
            for row in page["data"]:
                if as_json:
                    put(row)
                    continue
                state = "enabled" if row["enabled"] else "disabled"
                print(
                    f"{row['name']:<24}  {row['kind']:<6}  {state:<8}  version {row['active']} of {row['latest']}"
                )
            cursor = page["next"]
            if not cursor:
                return


def switch(name: str, *, on: bool, as_json: bool, url: str | None, key: str | None) -> None:
    """Enable or disable it."""
    verb = "enable" if on else "disable"
    with connect(url, key) as client:
        found = client.call("POST", f"/v1/plugins/{_named(name)}/{verb}", {})
    if as_json:
        put(found)
    else:
        say(f"{name} is {verb}d.")


def secret(name: str, *, forget: bool, as_json: bool, url: str | None, key: str | None) -> None:
    """Set a secret out of stdin, so that it stands in no history of a shell; or forget it."""
    path = f"/v1/plugins/secrets/{_named(name)}"
    value = "" if forget else sys.stdin.readline().rstrip("\r\n")
    if not forget and not value:
        raise Trouble("The secret is read from stdin, one line: it was empty.", code=2)
    with connect(url, key) as client:
        if forget:
            client.call("DELETE", path)
        else:
            client.call("PUT", path, {"value": value})
    if as_json:
        put({"name": name, "set": not forget})
    else:
        say(f"The secret '{name}' is {'forgotten' if forget else 'set'}.")


def _tell(ran: Json) -> None:
    print(ran["printed"], end="")
    for line in ran["logged"]:
        say(line)
    if ran["outcome"] == "ok":
        print(json.dumps(ran["value"], ensure_ascii=False, indent=2))
    asked = f", {ran['fetches']} requests to {', '.join(ran['hosts'])}" if ran["fetches"] else ""
    say(f"{ran['ms']} ms{asked}")


def _input(given: str) -> Any:
    """JSON where it is such, otherwise the text itself: a question need not be quoted twice."""
    try:
        return json.loads(given)
    except ValueError:
        return given


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"'{file}' can't be read: {error}.", code=2) from None


def _named(name: str) -> str:
    """A name as it may stand in an address."""
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise Trouble(f"'{name}' is no name: `chatsmart plugins list` shows them.", code=2)
    return name
