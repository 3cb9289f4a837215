"""Signs of life in a silent stream."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from functions.web.heartbeat import BEAT, Heartbeat


class Wire:
    """What was sent."""

    def __init__(self, *, broken: bool = False) -> None:
        self.sent: list[bytes] = []
        self.broken = broken

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Take a message, after a turn of the loop."""
        await asyncio.sleep(0)
        if self.broken:
            raise OSError("gone")
        assert message["more_body"]
        self.sent.append(message["body"])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.web.heartbeat.SECONDS", 0.05)


async def test_silence_is_broken_by_a_comment_each_time() -> None:
    """One for each span of silence, as a whole comment."""
    wire = Wire()
    async with Heartbeat(wire):
        await asyncio.sleep(0.13)
    assert wire.sent == [BEAT, BEAT]


async def test_a_stream_that_moves_needs_none() -> None:
    """What goes out puts the next comment off."""
    wire = Wire()
    async with Heartbeat(wire) as heart:
        for _ in range(8):
            await asyncio.sleep(0.02)
            heart.sent()
    assert wire.sent == []


async def test_after_the_end_none_comes() -> None:
    """A comment after the last event would be no part of the answer."""
    wire = Wire()
    async with Heartbeat(wire):
        await asyncio.sleep(0)
    await asyncio.sleep(0.08)
    assert wire.sent == []


async def test_a_reader_who_is_gone_is_no_fault_of_the_comment() -> None:
    """The next event finds out."""
    async with Heartbeat(Wire(broken=True)):
        await asyncio.sleep(0.08)
