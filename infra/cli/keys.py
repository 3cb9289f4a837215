"""`chatsmart keys`: API keys of a tenant."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from infra.cli.client import Json, connect
from infra.cli.screen import put, say, shut_stdout
from infra.cli.trouble import Trouble


def create(name: str, days: int | None, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Make a key and show it, once."""
    body: Json = {"name": name}
    if days is not None:
        body["expires"] = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    with connect(url, key) as client:
        made = client.call("POST", "/v1/keys", body, headers={"Idempotency-Key": str(uuid4())})
    try:
        if as_json:
            put(made)
            return
        print(_secret(made), flush=True)
    except OSError as error:
        shut_stdout()
        raise Trouble(
            f"The key was made, but it can't be written out ({error.strerror}) and is not shown again.\n"
            f"End it: chatsmart keys revoke {made.get('id')}"
        ) from None
    say(f"{made.get('id')} '{name}'. Keep the key: it is stored as a digest and can't be shown again.")


def listed(*, as_json: bool, url: str | None, key: str | None) -> None:
    """All keys, newest first."""
    rows: list[Json] = []
    with connect(url, key) as client:
        cursor: str | None = None
        while True:
            page = client.call(
                "GET", "/v1/keys", params={"limit": 100, **({"after": cursor} if cursor else {})}
            )
            rows += page.get("data") or []
            cursor = page.get("next")
            if not cursor:
                break
    for row in rows:
        if as_json:
            put(row)
            continue
        ended = _state(row)
        print(
            f"{row.get('id')}  …{row.get('hint')}  {str(row.get('created'))[:10]}  {ended:<16}  {row.get('name')}"
        )


def _state(row: Json) -> str:
    """Whether a key opens anything, and until when."""
    if row.get("revoked"):
        return "revoked"
    expires = row.get("expires")
    if not expires:
        return "active"
    past = datetime.fromisoformat(expires) <= datetime.now(UTC)
    return "expired" if past else f"until {expires[:10]}"


def revoke(id_: str, *, as_json: bool, url: str | None, key: str | None) -> None:
    """End a key at once."""
    if not id_.startswith("key_"):
        raise Trouble(f"'{id_}' is no key id: `chatsmart keys list` shows them (key_…).", code=2)
    with connect(url, key) as client:
        client.call("DELETE", f"/v1/keys/{id_}")
    if as_json:
        put({"id": id_, "revoked": True})
    else:
        say(f"{id_} is revoked: no request is accepted with it from now on.")


def _secret(made: Json) -> str:
    for name in ("key", "secret"):
        if isinstance(made.get(name), str):
            return str(made[name])
    raise Trouble("The server made a key but did not show it.")
