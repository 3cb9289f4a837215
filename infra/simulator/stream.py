"""Plays acts on a connection: paced, split, stalled, reset or cut as scripted."""

import asyncio
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from infra.simulator.calls import Call
from infra.simulator.faults import Act, End, Send, Wait

_WRITE = 32_768
# A reset discards what the peer has not read yet only on the sender's side; a moment lets the kernel deliver
# it first.
_BEFORE_RESET = 0.005
_FOREVER = 3_600.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds before the first content and between chunks, and the largest single write; zeros are a burst."""

    ttft: float = 0.0
    tpot: float = 0.0
    split_bytes: int | None = None

    @property
    def bursts(self) -> bool:
        """True where nothing waits and nothing is split."""
        return not self.ttft and not self.tpot and self.split_bytes is None


def reset(transport: asyncio.Transport | None) -> None:
    """Ends the connection with RST: linger 0, then close."""
    if transport is None:
        return
    held = transport.get_extra_info("socket")
    if held is not None:
        with socket.socket(fileno=os.dup(held.fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def burst(response: web.StreamResponse, body: bytes, tokens: int, call: Call) -> None:
    """The whole body in few writes."""
    view = memoryview(body)
    for start in range(0, len(body), _WRITE):
        await response.write(bytes(view[start : start + _WRITE]))
    call.tokens_sent += tokens
    call.bytes_sent += len(body)


async def play(
    request: web.Request, response: web.StreamResponse, acts: Iterable[Act], pace: Pace, call: Call
) -> None:
    """Plays the acts after the headers; returns when the body is to end cleanly or the connection is gone."""
    first = True
    for act in acts:
        if isinstance(act, Send):
            if act.paced:
                await _pause(pace.ttft if first else pace.tpot)
                first = False
            await _send(response, act.data, pace.split_bytes)
            call.tokens_sent += act.tokens
            call.bytes_sent += len(act.data)
        elif isinstance(act, Wait):
            await asyncio.sleep(_FOREVER if act.seconds is None else act.seconds)
        else:
            await _end(request, act)
            return


async def _pause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)


async def _send(response: web.StreamResponse, data: bytes, split: int | None) -> None:
    if split is None:
        await response.write(data)
        return
    for start in range(0, len(data), split):
        await response.write(data[start : start + split])
        await asyncio.sleep(0)


async def _end(request: web.Request, act: End) -> None:
    if act.how == "close":
        return
    await asyncio.sleep(_BEFORE_RESET)
    if act.how == "reset":
        reset(request.transport)
    elif request.transport is not None:
        request.transport.close()


def flush_headers(writer: AbstractStreamWriter | None) -> None:
    """Puts the headers on the wire now and not with the first write, so that a client sees them before a
    wait."""
    if writer is not None:
        writer.send_headers()
