"""`chatsmart generate` and `chatsmart rerun`: ask for a document and watch it being written."""

import json
from pathlib import Path
from typing import Any

from infra.cli import follow
from infra.cli.client import Client, Json, connect, named
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble


def read_field(text: str) -> tuple[str, Any]:
    """`name=value` of an option. The value is JSON where it reads as JSON (42, true, ["a"], "42"), else a text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Trouble(f"'{text}' is no field: write --field name=value.", code=2)
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


def generate(
    pipeline: str,
    brief: str | None,
    fields: list[str],
    budget_micros: int | None,
    *,
    out: Path | None,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Write a document with a pipeline."""
    body: Json = {"pipeline": pipeline, **dict(read_field(field) for field in fields), "stream": True}
    if brief is not None:
        body["brief"] = brief
    if budget_micros is not None:
        body["budget_micros"] = budget_micros
    if out is not None and not out.parent.is_dir():
        raise Trouble(f"{out.parent} is no folder, so {out.name} can't be written there.", code=2)
    with connect(url, key) as client:
        _written(client, "/v1/documents", body, out=out, as_json=as_json)


def rerun(run: str, changes: list[str], *, as_json: bool, url: str | None, key: str | None) -> None:
    """Write a document again with today's models, some steps' models changed."""
    models: dict[str, str] = {}
    for change in changes:
        step, equals, model = change.partition("=")
        if not equals or not step or not model:
            raise Trouble(f"'{change}' sets nothing: write --set step=model.", code=2)
        models[step] = model
    with connect(url, key) as client:
        path = f"/v1/documents/{named(client, run)}/rerun"
        _written(client, path, {"set": models, "stream": True}, out=None, as_json=as_json)


def _written(client: Client, path: str, body: Json, *, out: Path | None, as_json: bool) -> None:
    def opened(ticket: str) -> follow.Opened:
        return client.stream("POST", path, body, {"Idempotency-Key": ticket})

    document = follow.show(client, opened, as_json=as_json, text=out is None)
    if out is not None:
        out.write_text(str(document.get("text", "")), "utf-8")
        if as_json:
            put({"written": str(out)})
        else:
            say(f"Written to {out}.")
    if not as_json:
        follow.sign_off(document)
