"""The server is told to end, or dies, while it answers."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from shared.adapters.llm.client import Client
from shared.core.answer import collect
from shared.core.chunk import Chunk, Ended, Used
from shared.core.faults import Cut, Overloaded, Unauthorised
from shared.core.prompt import Prompt
from tests.vllm.asking import SPEC, Asking, greedy
from tests.vllm.served import LONG, Pool, laptop

SAID = greedy("Say much.", LONG)


class Listening:
    """An answer that is being read in a task of its own."""

    def __init__(self, asking: Asking, prompt: Prompt) -> None:
        self.chunks: list[Chunk] = []
        self.raw = b""
        self._task = asyncio.create_task(self._read(asking, prompt))

    async def _read(self, asking: Asking, prompt: Prompt) -> None:
        request = asking.provider.prepare(SPEC, prompt, stream=True, request_id="long")
        async with asking.provider.send(request) as reply:
            try:
                async for chunks in reply.chunks():
                    self.chunks += chunks
            finally:
                self.raw = reply.raw()

    @property
    def written(self) -> int:
        """Tokens of the answer so far."""
        return max((chunk.usage.output for chunk in self.chunks if isinstance(chunk, Used)), default=0)

    async def until(self, tokens: int) -> None:
        """So many tokens have come. Raises TimeoutError."""
        async with asyncio.timeout(30):
            while self.written < tokens:  # noqa: ASYNC110 - read by another task
                await asyncio.sleep(0.01)

    async def end(self, seconds: float = 120) -> None:
        """To its end, or its fault. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self._task


async def test_a_pool_that_ends_finishes_its_answers_and_refuses_new_ones(asking: Asking, pool: Pool) -> None:
    """From the moment that its end was asked for the pool says that it drains and refuses work as an overloaded
    provider does; what it had begun comes whole; then it is gone, with all that it had started."""
    long = Listening(asking, SAID)
    await long.until(20)
    ending = asyncio.create_task(asyncio.to_thread(pool.engine.stop))
    await asyncio.sleep(0.3)
    at = long.written
    with pytest.raises(Overloaded) as raised:
        await asking.hear(greedy("Hello", 5))
    assert raised.value.provider_status in (503, None)
    await long.end()
    answer = collect(long.chunks)
    assert at < long.written
    assert answer.finish == "length"
    assert answer.usage is not None
    assert answer.usage.output == LONG
    assert await ending == "drained"
    with pytest.raises(Overloaded, match="can't be reached"):
        await asking.hear(greedy("Hello", 5))


async def test_a_server_of_ones_own_takes_its_key_and_cuts_its_answers_at_its_end(
    client: Client, weights: Path, tmp_path: Path
) -> None:
    """`vllm serve` as it comes: a wrong key is Unauthorised. Told to end it cuts what it writes within seconds, and
    though it closes the stream in good form, or not at all, no such answer passes for a whole one."""
    with laptop(weights, tmp_path) as (address, process):
        with pytest.raises(Unauthorised):
            await Asking.at(client, address, "another").hear(greedy("Hello", 5))
        asking = Asking.at(client, address)
        assert (await asking.hear(greedy("Hello", 5))).answer.finish == "length"
        long = Listening(asking, SAID)
        await long.until(20)
        os.kill(process.pid, signal.SIGTERM)
        # Mostly it says `abort`; where the engine is gone before it could say so, the server falls silent.
        with pytest.raises((Cut, Overloaded, TimeoutError)):
            await long.end(10)
        assert 20 <= long.written < LONG
        assert not any(isinstance(chunk, Ended) for chunk in long.chunks)


async def test_a_server_that_is_killed_cuts_its_answer(asking: Asking, pool: Pool) -> None:
    """Killed in the middle, the answer is Cut after all that had come, with its usage so far."""
    long = Listening(asking, SAID)
    await long.until(50)
    await asyncio.to_thread(pool.engine.stop, 0.0)
    with pytest.raises(Cut):
        await long.end()
    assert 50 <= long.written < LONG
    assert collect(long.chunks).text
