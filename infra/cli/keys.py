"""`chatsmart keys`: API keys of a tenant."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from infra.cli.client import Json, connect
from infra.cli.screen import put, say, shut_stdout
from infra.cli.trouble import Trouble

_MOST_DOLLARS = 10**9


def limits(
    month: str | None, day: str | None, run: str | None, requests: int | None, tokens: int | None
) -> dict[str, int]:
    """The limits that were named, as the API takes them. Caps are dollars; raises Trouble for what is none."""
    caps = {
        "month_micros": ("--month-cap", month),
        "day_micros": ("--day-cap", day),
        "run_micros": ("--run-cap", run),
    }
    found = {name: _micros(option, text) for name, (option, text) in caps.items() if text is not None}
    paces = {"requests_per_minute": requests, "tokens_per_minute": tokens}
    return found | {name: pace for name, pace in paces.items() if pace is not None}


def _micros(option: str, text: str) -> int:
    try:
        dollars = Decimal(text.removeprefix("$"))
        # The range is looked at first: a short text can name a number that fills the memory.
        micros = dollars * 1_000_000 if 0 <= dollars <= _MOST_DOLLARS else Decimal("NaN")
        if micros == micros.to_integral_value():
            return int(micros)
    except ArithmeticError:
        pass
    raise Trouble(
        f"{option} is '{text}': it must be dollars, like 25 or 0.50, at most {_MOST_DOLLARS}.", code=2
    ) from None


def create(
    name: str,
    days: int | None,
    bounds: dict[str, int],
    *,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Make a key and show it, once."""
    body: Json = {"name": name}
    if bounds:
        body["limits"] = bounds
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
