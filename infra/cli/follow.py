"""A document's events, followed to the end: through dropped connections, onto a screen or as JSON lines."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import httpx

from infra.cli.client import Broken, Client, Json
from infra.cli.refusals import sentence
from infra.cli.screen import Screen, put, say
from infra.cli.sse import Sent, read
from infra.cli.trouble import Trouble

LAST = {"finished", "failed"}
TRIES = 6
"""Connections in a row that bring no event before following is given up: about 16 seconds."""
WAITS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

Opened = AbstractContextManager[httpx.Response]


def events(client: Client, open_first: Callable[[str], Opened]) -> Iterator[Sent]:
    """Events up to the final one. `open_first` starts the work, under an idempotency key of its own: where the
    connection is lost before an event has come it is called again, and begins no second document. Later a dropped
    connection is resumed after the last event seen, and nothing is shown twice."""
    ticket = str(uuid4())
    run, seen, failures = "", 0, 0
    while True:
        try:
            opened = open_first(ticket) if not run else _reopen(client, run, seen)
            with opened as answer:
                run = run or _run_of(answer)
                for event in read(answer.iter_raw()):
                    if event.id.isdigit():
                        if int(event.id) <= seen:
                            continue
                        seen = int(event.id)
                    failures = 0
                    run = run or _run_in(event)
                    yield event
                    if event.name in LAST:
                        return
            raise Broken("the stream ended before the document did")
        except Broken as error:
            failures += 1
            # Where nothing has listened yet there is nothing to wait for.
            nobody = not run and failures == 1 and isinstance(error.__cause__, httpx.ConnectError)
            if nobody:
                raise client.unreachable(error) from None
            if failures >= TRIES:
                raise _lost(client, run, error) from None
            time.sleep(WAITS[min(failures, len(WAITS)) - 1])


def show(client: Client, open_first: Callable[[str], Opened], *, as_json: bool, text: bool = True) -> Json:
    """Follow a document on the screen; its final state. Raises Trouble where it failed."""
    if as_json:
        last = [_emit(event) for event in events(client, open_first)][-1]
        return _final(*last)
    with Screen() as screen:
        teller = _Teller(screen, text)
        for event in events(client, open_first):
            teller.tell(event.name, _data(event))
    return _final(*teller.last)


def sign_off(document: Json) -> None:
    """What it cost, where its trace is, how to see it again."""
    real = "" if not document.get("simulated") else " · simulated providers"
    say(
        f"{document.get('id')} · {dollars(document.get('cost_micros'))}{real} · trace {document.get('trace')}"
    )
    say(f"Replay it byte for byte: chatsmart replay {document.get('id')} --verify")


def dollars(micros: object) -> str:
    """Micro-dollars for people; `unpriced` where the cost is not known."""
    from shared.core.money import show as shown

    return shown(micros) if isinstance(micros, int) else "unpriced"


class _Teller:
    """Turns events into progress and text. The text shown live is that of the step that writes last; the steps before
    it show how far they are."""

    def __init__(self, screen: Screen, text: bool) -> None:
        self.screen = screen
        self.wanted = text
        self.writer = ""
        self.shown = ""
        self.step = ""
        self.model = ""
        self.words = 0
        self.last: tuple[str, Json] = ("", {})

    def tell(self, name: str, data: Json) -> None:
        match name:
            case "started":
                self.writer = _last_writer(data)
                self.screen.working("starting")
            case "step":
                self.step, self.words = str(data.get("step", "")), 0
                self.model = str(data.get("model") or "")
                self.screen.working(" · ".join(part for part in (self.step, self.model) if part) + " …")
            case "token":
                self._token(data)
            case "spliced":
                self._spliced(data)
            case "step_done":
                self.screen.done(_step_line(data))
            case "finished":
                self._rest(document_of(data))
                self.last = (name, data)
            case "failed":
                self.last = (name, data)
            case _:
                pass

    def _token(self, data: Json) -> None:
        piece, step = str(data.get("text", "")), str(data.get("step", self.step))
        self.words += piece.count(" ")
        model = self.model if step == self.step else ""
        self.screen.working(" · ".join(part for part in (step, model, f"{self.words} words") if part))
        if step == self.writer and not self.shown and piece.lstrip().startswith(("{", "[")):
            # A step that fills a schema streams JSON; the document is made of it afterwards.
            self.writer = ""
        if self.wanted and step == self.writer:
            self.shown += piece
            self.screen.text(piece)

    def _spliced(self, data: Json) -> None:
        """A leg broke after text had gone out. Another goes on; or it begins again, and what was shown of that step is
        void: it is set off."""
        step = str(data.get("step", ""))
        if data.get("model"):
            self.model = str(data["model"])
            self.screen.done(f"{step}: the answer broke off; {self.model} goes on with it")
        if data.get("how") != "restart":
            return
        self.screen.done(f"{step}: the answer broke off and is begun anew")
        if step == self.writer and self.shown:
            self.screen.text("\n\n---\n\n")
            self.shown = ""

    def _rest(self, document: Json) -> None:
        """What of the finished text the reader has not seen yet: all of it, or what later steps added."""
        if self.wanted:
            rest = unseen(self.shown, str(document.get("text", "")))
            self.screen.text(rest if (self.shown + rest).endswith("\n") else rest + "\n")


def unseen(shown: str, whole: str) -> str:
    """The part of `whole` that follows `shown`, white space apart; all of `whole`, set off, where they differ."""
    position = 0
    for char in shown:
        if char.isspace():
            continue
        while position < len(whole) and whole[position].isspace():
            position += 1
        if position == len(whole) or whole[position] != char:
            return f"\n\n---\n\n{whole}" if shown.strip() else whole
        position += 1
    blank = shown[len(shown.rstrip()) :]
    rest = whole[position:]
    return rest.removeprefix(blank) if rest.startswith(blank) else rest.lstrip()


def document_of(data: Json) -> Json:
    """The document in a final event: under its own name, or the event itself."""
    inner = data.get("document")
    return inner if isinstance(inner, dict) else data


def _final(name: str, data: Json) -> Json:
    """The document of a final event. Raises Trouble where it failed."""
    document = document_of(data)
    if name != "failed" and document.get("status") != "failed":
        return document
    error = data.get("error") or document.get("error") or data
    told = error if isinstance(error, dict) else {"message": str(error)}
    reason = told.get("message") or told.get("detail") or "no reason was given"
    why = sentence(str(reason), str(told.get("advice") or ""), str(told.get("code") or ""))
    run = document.get("id") or data.get("id") or ""
    raise Trouble(f"The document failed: {why}\n{run}".rstrip())


def _emit(event: Sent) -> tuple[str, Json]:
    data = _data(event)
    put({"id": int(event.id) if event.id.isdigit() else event.id, "event": event.name, "data": data})
    return event.name, data


def _data(event: Sent) -> Json:
    try:
        value: Any = json.loads(event.data)
    except ValueError:
        raise Trouble(f"The server sent an event that is no JSON: {event.data[:80]}") from None
    return value if isinstance(value, dict) else {}


def _step_line(data: Json) -> str:
    parts = [str(data.get("step") or data.get("name") or "step")]
    if data.get("model"):
        parts.append(str(data["model"]))
    if data.get("cost_micros") is not None:
        parts.append(dollars(data["cost_micros"]))
    if data.get("total_ms"):
        parts.append(f"{data['total_ms'] / 1000:.1f} s")
    return " · ".join(parts)


def _last_writer(started: Json) -> str:
    """The last of a run's steps that ask a model."""
    steps = started.get("steps") or [""]
    return str(steps[-1])


def _run_of(answer: httpx.Response) -> str:
    trace = answer.headers.get("x-chatsmart-trace", "")
    return f"doc_{trace}" if trace else ""


def _run_in(event: Sent) -> str:
    data = _data(event)
    return str(data.get("id") or (f"doc_{data['trace']}" if data.get("trace") else ""))


def _reopen(client: Client, run: str, seen: int) -> Opened:
    return client.stream("GET", f"/v1/documents/{run}/events", headers={"Last-Event-ID": str(seen)})


def _lost(client: Client, run: str, error: Broken) -> Trouble:
    if not run:
        return Trouble(
            f"The connection to {client.target.url} was lost before the first event ({error}).\n"
            "The document may have been begun all the same; `chatsmart replay last` shows the newest one."
        )
    return Trouble(
        f"The connection to {client.target.url} was lost ({error}) and did not come back.\n"
        f"The document goes on without us: chatsmart replay {run}"
    )
