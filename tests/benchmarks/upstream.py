"""A provider that costs next to nothing: canned OpenAI chat completions over raw asyncio.

    python -m tests.benchmarks.upstream [--port N]

The simulator thinks about what it says; a benchmark of what stands before it needs an upstream that does not. Every
answer is the same 64 tokens. A prompt that holds `PACED` gets them `GAP` seconds apart, every other one at once.
`GET /calls` says how many were asked for.
Prints `{"port": N}` when it serves.
"""

import argparse
import asyncio
import json
from typing import cast

import uvloop

TOKENS = 64
GAP = 0.020
PACED = b"Take your time."
WORDS = ('A lens of "rings" bends light — λ ≈ 589 nm — into one beam; data: it sweeps the sea, ' * 8).split(
    " "
)[:TOKENS]
TEXT = "".join(f"{word} " for word in WORDS)
"""What every answer says: quotes, letters of several bytes and a look-alike of the wire's own syntax in it."""
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n"
_USAGE = {"prompt_tokens": 21, "completion_tokens": TOKENS, "total_tokens": 21 + TOKENS}
_SAME = {"id": "chatcmpl-bench", "created": 1764000000, "model": "bench"}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _event(choices: list[object], **more: object) -> bytes:
    chunk = {**_SAME, "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: " + _json(chunk) + b"\n\n"


def _delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}])


def _piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_ROLE = _delta({"role": "assistant", "content": ""})
_EVENTS = [_delta({"content": f"{word} "}) for word in WORDS]
_LAST = _delta({}, "stop") + _event([], usage=_USAGE) + b"data: [DONE]\n\n"
_STREAM = _HEAD % (b"text/event-stream", b"transfer-encoding: chunked\r\n")
_BURST = _STREAM + _piece(_ROLE + b"".join(_EVENTS) + _LAST) + b"0\r\n\r\n"
_PACED = [_STREAM + _piece(_ROLE + _EVENTS[0]), *(_piece(event) for event in _EVENTS[1:])]
_PACED_LAST = _piece(_LAST) + b"0\r\n\r\n"
_WHOLE_BODY = _json(
    {
        **_SAME,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
        "usage": _USAGE,
    }
)
_WHOLE = _HEAD % (b"application/json", b"content-length: %d\r\n" % len(_WHOLE_BODY)) + _WHOLE_BODY


class Connection(asyncio.Protocol):
    """One client: its requests in turn."""

    calls = 0
    """Of all clients."""

    def __init__(self) -> None:
        self._held = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        held = self._held = self._held + data if self._held else data
        end = held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = held[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(held) < end + 4 + length:
            return
        body, self._held = held[end + 4 : end + 4 + length], b""
        if head.startswith(b"get /calls"):
            told = _json({"calls": Connection.calls})
            self._transport.write(_HEAD % (b"application/json", b"content-length: %d\r\n" % len(told)) + told)
            return
        Connection.calls += 1
        if b'"stream":true' not in body.replace(b" ", b""):
            self._transport.write(_WHOLE)
        elif PACED not in body:
            self._transport.write(_BURST)
        else:
            self._said = 0
            self._next = asyncio.get_running_loop().time()
            self._step()

    def _step(self) -> None:
        if self._said == len(_PACED):
            self._transport.write(_PACED_LAST)
            return
        self._transport.write(_PACED[self._said])
        self._said += 1
        self._next += GAP
        self._timer = asyncio.get_running_loop().call_at(self._next, self._step)


async def serve(port: int) -> None:
    """Serve until ended."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve on a port, a free one where none is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
