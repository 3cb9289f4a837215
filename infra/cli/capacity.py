"""`chatsmart capacity`, `chatsmart stop` and `chatsmart start`: containers and the kill switch, for operators."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from infra.cli.client import Client, Json, connect
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble

_HEAD = ("part", "now", "least", "most", "spare")
_SCOPES = {"all": "Everything that costs money", "llama": "Our own tier"}


def capacity(
    name: str | None,
    bounds: dict[str, int | None],
    *,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """List the parts of the deployment, or bound the containers of one."""
    body: Json = {bound: value for bound, value in bounds.items() if value is not None}
    if (name is None) != (not body):
        raise Trouble("A part and at least one of --least, --most and --spare go together.", code=2)
    with connect(url, key) as client:
        if name is None:
            rows = client.call("GET", "/v1/operator/capacity").get("data") or []
        else:
            rows = [client.call("PUT", f"/v1/operator/capacity/{quote(name, safe='')}", body)]
    if as_json:
        for row in rows:
            put(row)
        return
    lines = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    for line in lines:
        print(_line(line, widths))


def stop(scope: str, why: str, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Stop it in every process."""
    _known(scope)
    if not why.strip():
        raise Trouble("--why must say why it is stopped: every reader is told it.", code=2)
    with connect(url, key) as client:
        row = client.call("PUT", "/v1/operator/stop", {"scope": scope, "reason": why})
    if as_json:
        put(row)
    else:
        say(f"{_SCOPES[scope]} is stopped until `chatsmart start{_argument(scope)}`.")


def start(scope: str, *, as_json: bool, url: str | None, key: str | None) -> None:
    """Let it go on, and tell what is still stopped."""
    _known(scope)
    with connect(url, key) as client:
        client.call("DELETE", f"/v1/operator/stop?scope={quote(scope, safe='')}")
        left = _standing(client)
    if as_json:
        put({"scope": scope, "stopped": False})
        return
    say(f"{_SCOPES[scope]} goes on.")
    for row in left:
        since = datetime.fromisoformat(str(row["at"])).astimezone()
        say(f"Still stopped: {row['scope']}, since {since:%Y-%m-%d %H:%M}: {row['reason']}")


def _standing(client: Client) -> list[Json]:
    return client.call("GET", "/v1/operator/stop").get("data") or []


def _known(scope: str) -> None:
    if scope not in _SCOPES:
        raise Trouble(f"'{scope}' can't be stopped; it may be: {', '.join(_SCOPES)}.", code=2)


def _argument(scope: str) -> str:
    return "" if scope == "all" else f" {scope}"


def _cells(row: Json) -> tuple[str, ...]:
    return (
        str(row.get("name")),
        "?" if row.get("containers") is None else str(row["containers"]),
        str(row.get("minimum")),
        "any" if row.get("maximum") is None else str(row["maximum"]),
        str(row.get("buffer")),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The name to the left, numbers to the right."""
    name, *numbers = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([name, *numbers]).rstrip()
