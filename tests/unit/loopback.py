"""A real HTTP server on loopback, scripted: what the command line's tests talk to."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """What goes back. `pieces` are sent one by one; `cut` breaks the connection off after them."""

    pieces: tuple[bytes, ...]
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


def as_json(value: object, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer((json.dumps(value).encode(),), status)


def problem(status: int, detail: str, advice: str = "") -> Answer:
    """A problem document."""
    body = {"status": status, "title": "No.", "detail": detail, "code": "x", "advice": advice}
    return Answer((json.dumps(body).encode(),), status, "application/problem+json")


def busy() -> Answer:
    """What a repeat gets while the same request is still being answered."""
    body = {"status": 409, "detail": "Still being answered.", "code": "conflict", "retryable": True}
    return Answer((json.dumps(body).encode(),), 409, "application/problem+json", {"Retry-After": "0"})


def stream(*pieces: bytes, cut: bool = False, **headers: str) -> Answer:
    """A stream of server-sent events."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(pieces, 200, "text/event-stream", named, cut)


def event(position: int, name: str, **data: Any) -> bytes:
    """One event of a document."""
    return f"id: {position}\nevent: {name}\ndata: {json.dumps({'trace': 'ab' * 16, **data})}\n\n".encode()


@dataclass
class Loopback:
    """The server: what each route answers, in turn, and what was asked. The last answer of a route repeats."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, route: str, *answers: Answer) -> None:
        """`route` is a method and a path without its query."""
        self.answers[route] = list(answers)


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A running server; it ends with the block."""
    served = Loopback("")

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            served.asked.append(
                Asked(self.command, self.path, dict(self.headers.items()), json.loads(raw) if raw else None)
            )
            waiting = served.answers.get(f"{self.command} {self.path.partition('?')[0]}")
            answer = problem(404, f"There is nothing at {self.path}.")
            if waiting:
                answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            # Without a length the end of the connection ends the body; a length that is not reached is a cut.
            length = sum(map(len, answer.pieces)) + (1 if answer.cut else 0)
            self.send_header("Content-Length", str(length))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in answer.pieces:
                self.wfile.write(piece)
                self.wfile.flush()
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  the names that http.server looks up

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield served
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
