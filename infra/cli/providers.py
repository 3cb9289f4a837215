"""`chatsmart providers`: how the models are, for operators; taking one out and putting it back."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote
from uuid import uuid4

from infra.cli.client import Client, Json, connect
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble

_HEAD = ("model", "provider", "state", "p50", "p95", "calls", "failed", "why")


def providers(
    quarantine: str | None,
    why: str | None,
    release: str | None,
    *,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """List the models, or take one out, or put one back."""
    if quarantine is not None and release is not None:
        raise Trouble("One at a time: --quarantine or --release.", code=2)
    if (quarantine is not None) != (why is not None):
        raise Trouble("--quarantine MODEL and --why TEXT go together.", code=2)
    with connect(url, key) as client:
        if quarantine is not None:
            _quarantine(client, {"model": quarantine, "why": why}, as_json=as_json)
        elif release is not None:
            _release(client, release, as_json=as_json)
        else:
            _list(client, as_json=as_json)


def _quarantine(client: Client, body: Json, *, as_json: bool) -> None:
    row = client.call("POST", "/v1/operator/quarantine", body, headers={"Idempotency-Key": str(uuid4())})
    if as_json:
        put(row)
    else:
        say(f"{row.get('model')} is out until `chatsmart providers --release {row.get('model')}`.")


def _release(client: Client, model: str, *, as_json: bool) -> None:
    client.call("DELETE", f"/v1/operator/quarantine/{quote(model, safe='')}")
    if as_json:
        put({"model": model, "quarantined": False})
    else:
        say(f"{model} may be called again.")


def _list(client: Client, *, as_json: bool) -> None:
    rows = client.call("GET", "/v1/operator/providers").get("data") or []
    if as_json:
        for row in rows:
            put(row)
        return
    lines = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD) - 1)]
    for line in lines:
        print(_line(line, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    padded = [
        cell.ljust(width) if number < 3 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=False))
    ]
    return "  ".join([*padded, cells[-1]]).rstrip()


def _cells(row: Json) -> tuple[str, ...]:
    told = str(row.get("why") or "")
    until = row.get("until")
    if until:
        told = f"{told} (until {datetime.fromisoformat(until).astimezone():%H:%M:%S})".strip()
    return (
        str(row.get("model")),
        str(row.get("provider")),
        str(row.get("state")),
        _seconds(row.get("first_token_p50_ms")),
        _seconds(row.get("first_token_p95_ms")),
        str(row.get("calls")),
        str(row.get("failures")),
        told,
    )


def _seconds(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.2f}s"
