"""`chatsmart chat`: one question to one model, through the OpenAI-compatible endpoint."""

import json
import sys
from uuid import uuid4

import httpx

from infra.cli.client import Broken, Client, Json, connect
from infra.cli.follow import dollars
from infra.cli.screen import put, say
from infra.cli.sse import read
from infra.cli.trouble import Trouble


def chat(
    question: str, model: str, system: str | None, *, as_json: bool, url: str | None, key: str | None
) -> None:
    """Ask, and print the answer as it comes."""
    if question == "-":
        question = sys.stdin.read()
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": question})
    body: Json = {
        "model": model,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with connect(url, key) as client:
        try:
            headers = {"Idempotency-Key": str(uuid4())}
            with client.stream("POST", "/v1/chat/completions", body, headers) as answer:
                cost = _print(answer, as_json=as_json)
                if not as_json:
                    _sign_off(answer, cost)
        except Broken as error:
            raise _lost(client, error) from None


def _print(answer: httpx.Response, *, as_json: bool) -> object:
    """The answer's pieces; what the last one says it cost."""
    cost: object = None
    ended = wrote = False
    for event in read(answer.iter_raw()):
        if event.data == "[DONE]":
            ended = True
            break
        piece = json.loads(event.data)
        if isinstance(piece.get("error"), dict):
            raise Trouble(f"The answer broke off: {piece['error'].get('message')}")
        usage = piece.get("usage") or {}
        cost = usage.get("cost_micros", cost)
        if as_json:
            put(piece)
            continue
        for choice in piece.get("choices") or []:
            text = (choice.get("delta") or {}).get("content") or (choice.get("delta") or {}).get("refusal")
            if text:
                wrote = True
                sys.stdout.write(text)
                sys.stdout.flush()
    if wrote:
        sys.stdout.write("\n")
        sys.stdout.flush()
    if not ended:
        raise Broken("the stream ended before the answer did")
    return cost


def _sign_off(answer: httpx.Response, cost: object) -> None:
    head = answer.headers
    if cost is None and head.get("x-chatsmart-cost-micros", "").isdigit():
        cost = int(head["x-chatsmart-cost-micros"])
    parts = [head.get("x-chatsmart-model", ""), dollars(cost) if cost is not None else ""]
    parts.append(f"trace {head['x-chatsmart-trace']}" if "x-chatsmart-trace" in head else "")
    say(" · ".join(part for part in parts if part))


def _lost(client: Client, error: Broken) -> Trouble:
    reason = error.__cause__
    if isinstance(reason, httpx.ConnectError | httpx.ConnectTimeout):
        return client.unreachable(reason)
    return Trouble(f"The connection to {client.target.url} was lost ({error}). Ask again.")
