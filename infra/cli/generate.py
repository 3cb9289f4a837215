"""`chatsmart generate` and `chatsmart rerun`: ask for a document and watch it being written."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from infra.cli import follow
from infra.cli.client import Client, Json, connect, named
from infra.cli.refusals import Refusal, fields_of
from infra.cli.screen import put, say, shut_stdout
from infra.cli.trouble import Trouble


def read_field(text: str) -> tuple[str, Any]:
    """`name=value` of an option. The value is JSON where it reads as JSON (42, true, ["a"], "42"), else a text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Trouble(f"'{text}' is no field: write --field name=value.", code=2)
    try:
        return name.strip(), json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return name.strip(), value


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def read_fields(texts: list[str]) -> Json:
    """All `name=value` options; the values of a name that is given more than once become a list."""
    given: dict[str, list[Any]] = {}
    for text in texts:
        name, value = read_field(text)
        given.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}


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
    body: Json = {"pipeline": pipeline, **read_fields(fields), "stream": True}
    if brief is not None:
        body["brief"] = brief
    if budget_micros is not None:
        body["budget_micros"] = budget_micros
    if out is not None:
        _writable(out)
    with connect(url, key) as client:
        try:
            _written(client, "/v1/documents", body, out=out, as_json=as_json)
        except Refusal as refusal:
            more = _fields(client, pipeline) if refusal.slug == "bad_brief" else ""
            raise Trouble(f"{refusal}\n{more}".rstrip()) from None


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

    try:
        document = follow.show(client, opened, as_json=as_json, text=out is None)
    except BrokenPipeError:
        raise
    except OSError as error:
        shut_stdout()
        raise Trouble(
            f"The output can't be written: {error.strerror}.\n"
            "The document goes on without us; `chatsmart replay last` shows the newest one."
        ) from None
    if out is not None:
        _save(out, str(document.get("text", "")), as_json=as_json)
        if as_json:
            put({"written": str(out)})
        else:
            say(f"Written to {out}.")
    if not as_json:
        follow.sign_off(document)


def _writable(out: Path) -> None:
    """Before anything is paid for: raises Trouble where the text could not be written to `out`. Leaves no file."""
    try:
        if out.is_dir():
            raise Trouble(f"{out} is a folder: --out takes the name of a file.", code=2)
        if not out.parent.is_dir():
            raise Trouble(f"{out.parent} is no folder, so {out.name} can't be written there.", code=2)
        if out.exists():
            fits = os.access(out, os.W_OK)
        else:
            os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            out.unlink()
            fits = True
    except OSError as error:
        raise Trouble(f"{out} can't be written: {error.strerror}.", code=2) from None
    if not fits:
        raise Trouble(f"{out} can't be written: it is closed to this user.", code=2)


def _save(out: Path, text: str, *, as_json: bool) -> None:
    """Write the file. Where that fails the text goes to stdout, for it is paid; raises Trouble then."""
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        if not as_json:  # its last event has shown the text already
            sys.stdout.write(text if text.endswith("\n") else text + "\n")
            sys.stdout.flush()
        raise Trouble(
            f"{out} can't be written: {error.strerror}. The text stands on stdout instead."
        ) from None


def _fields(client: Client, pipeline: str) -> str:
    """What the pipeline takes, as the server tells it; empty where it does not."""
    try:
        return fields_of(client.call("GET", "/v1/pipelines").get("data") or [], pipeline)
    except Trouble:
        return ""
