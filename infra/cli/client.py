"""The HTTP API as the verbs use it: JSON in and out, event streams, and refusals in words."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from infra.cli.refusals import Refusal, sentence
from infra.cli.target import Target, find, no_server
from infra.cli.trouble import Trouble

Json = dict[str, Any]
CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0
"""Silence past this is a lost connection: a document's stream brings a heartbeat every 15 seconds."""
TRIES = 3
"""How often a request under an idempotency key is sent where its connection is lost or it is still being answered."""
KEY = "Idempotency-Key"
_RUN = re.compile(r"[a-z]{2,8}_[0-9a-f]{32}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Broken(Exception):
    """The connection failed; whoever asked decides whether to ask again."""


class Client:
    """A connection to one server. Every refusal of the server becomes a Trouble."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._http = httpx.Client(
            base_url=target.url,
            headers={"Authorization": f"Bearer {target.key}"},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            # A proxy of the environment is for the world outside, never for this machine's own server.
            trust_env=httpx.URL(target.url).host not in _LOOPBACK,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> Json:
        """The answer's JSON object; empty for an answer without a body. A request under an idempotency key is sent
        again where its answer got lost: the server does it once. Raises Trouble."""
        left = TRIES if KEY in (headers or {}) else 1
        while True:
            left -= 1
            try:
                answer = self._http.request(method, path, json=body, params=params, headers=headers)
            except httpx.TransportError as error:
                if not left or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    raise self.unreachable(error) from None
                continue
            except UnicodeEncodeError:
                raise no_text() from None
            wait = _busy(answer)
            if not left or wait is None:
                break
            time.sleep(wait)
        self._check(answer)
        if not answer.content:
            return {}
        try:
            value = answer.json()
        except ValueError:
            raise Trouble(
                f"{self.target.url} answered {path} with no JSON; is it a ChatSmart server?"
            ) from None
        return value if isinstance(value, dict) else {"data": value}

    @contextmanager
    def stream(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """An open event stream. Raises Trouble where it is refused, Broken where the connection fails or the same
        request is still being answered: under an idempotency key it may be sent again either way."""
        try:
            with self._http.stream(
                method, path, json=body, headers={"Accept": "text/event-stream", **(headers or {})}
            ) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    if (wait := _busy(answer)) is not None:
                        time.sleep(wait)
                        raise Broken("the server is still answering the same request")
                    self._check(answer)
                yield answer
        except httpx.TransportError as error:
            raise Broken(str(error) or type(error).__name__) from error
        except UnicodeEncodeError:
            raise no_text() from None

    def unreachable(self, error: Exception) -> Trouble:
        """What to say where no server answers."""
        return no_server(self.target.url, error)

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code < 400:
            return
        told, slug = _told(answer)
        if answer.status_code == 401:
            told = f"{self.target.url} refused the key: {told}\nPass another with --key or CHATSMART_KEY."
        elif answer.status_code >= 500 and slug != "stopped":
            told = (
                f"{told}\nThe server failed ({answer.status_code}); `chatsmart doctor` looks for the cause."
            )
        raise Refusal(told, slug)


def connect(url: str | None, key: str | None) -> Client:
    """A client for the server that the options name."""
    return Client(find(url, key))


def named(client: Client, run: str) -> str:
    """The id that was meant: `last` is the newest document. Raises Trouble for a text that can't be an id."""
    if run == "last":
        rows = client.call("GET", "/v1/documents", params={"limit": 1}).get("data") or []
        if not rows:
            raise Trouble('There is no document yet: `chatsmart generate article --brief "…"` writes one.')
        return str(rows[0]["id"])
    if not _RUN.fullmatch(run):
        raise Trouble(
            f"'{run}' is no id: they look like doc_0193…, and `last` is the newest document.", code=2
        )
    return run


def no_text() -> Trouble:
    """What to say of bytes that are no text."""
    return Trouble("What was given is no text: it holds bytes that are not UTF-8.", code=2)


def _busy(answer: httpx.Response) -> float | None:
    """Seconds to wait where the same request, under the same key, is still being answered; None for other answers."""
    wait = answer.headers.get("retry-after", "")
    return float(wait) if answer.status_code == 409 and wait.isdigit() else None


def _told(answer: httpx.Response) -> tuple[str, str]:
    """What a refusal says, and its code, from a problem document or from OpenAI's error shape."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return f"The server answered {answer.status_code} {answer.reason_phrase}.", ""
    error = body.get("error")
    if isinstance(error, dict):
        body = error
    said = body.get("detail") or body.get("message") or body.get("title") or f"status {answer.status_code}"
    slug = str(body.get("code") or "")
    return sentence(str(said), str(body.get("advice") or ""), slug), slug
