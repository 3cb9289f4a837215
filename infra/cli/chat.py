"""`chatsmart chat`: one question to one model, through the OpenAI-compatible endpoint."""

import json
import sys
from collections.abc import Iterator
from uuid import uuid4

import httpx

from infra.cli.client import KEY, TRIES, Broken, Client, Json, connect, no_text
from infra.cli.follow import dollars
from infra.cli.screen import put, say
from infra.cli.sse import read
from infra.cli.trouble import Trouble


def chat(
    question: str, model: str, system: str | None, *, as_json: bool, url: str | None, key: str | None
) -> None:
    """Ask, and print the answer as it comes."""
    if question == "-":
        try:
            question = sys.stdin.read()
        except UnicodeDecodeError:
            raise no_text() from None
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    body: Json = {
        "model": model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    headers = {KEY: str(uuid4())}
    with connect(url, key) as client:
        for left in range(TRIES - 1, -1, -1):
            came: list[Json] = []
            try:
                with client.stream("POST", "/v1/chat/completions", body, headers) as answer:
                    own = _print(_noted(_pieces(answer), came), as_json=as_json)
                    if not as_json:
                        _sign_off(answer, own)
                return
            except Broken as error:
                # What was shown can't be taken back; before that the same key gets the same answer, paid for once.
                if came or not left or isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout):
                    raise _lost(client, error) from None


def _noted(pieces: Iterator[Json], came: list[Json]) -> Iterator[Json]:
    for piece in pieces:
        came.append(piece)
        yield piece


def _print(pieces: Iterator[Json], *, as_json: bool) -> Json:
    """The answer's pieces; what the server says of itself in the last one: cost, trace, whether it was simulated."""
    own: Json = {}
    wrote = False
    for piece in pieces:
        own = piece.get("chatsmart") or own
        if as_json:
            put(piece)
            continue
        for choice in piece.get("choices") or []:
            delta = choice.get("delta") or {}
            text = delta.get("content") or delta.get("refusal") or ""
            wrote = wrote or bool(text)
            sys.stdout.write(text)
            sys.stdout.flush()
    if wrote:
        sys.stdout.write("\n")
        sys.stdout.flush()
    return own


def _pieces(answer: httpx.Response) -> Iterator[Json]:
    """The chunks of a streamed completion. Raises Trouble for an error among them, Broken where the end is missing."""
    for event in read(answer.iter_raw()):
        if event.data == "[DONE]":
            return
        piece = json.loads(event.data)
        if isinstance(piece.get("error"), dict):
            raise Trouble(f"The answer broke off: {piece['error'].get('message')}")
        yield piece
    raise Broken("the stream ended before the answer did")


def _sign_off(answer: httpx.Response, own: Json) -> None:
    head = answer.headers
    cost = dollars(own["cost_micros"]) if "cost_micros" in own else ""
    trace = own.get("trace") or head.get("x-chatsmart-trace", "")
    joins = [f"finished by {join.get('model')}" for join in own.get("spliced") or ()]
    parts = [
        head.get("x-chatsmart-model", ""),
        *joins,
        cost,
        "simulated" if own.get("simulated") else "",
        f"trace {trace}",
    ]
    say(" · ".join(part for part in parts if part))


def _lost(client: Client, error: Broken) -> Trouble:
    reason = error.__cause__
    if isinstance(reason, httpx.ConnectError | httpx.ConnectTimeout):
        return client.unreachable(reason)
    return Trouble(f"The connection to {client.target.url} was lost ({error}). Ask again.")
