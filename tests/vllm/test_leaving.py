"""Callers that leave in the middle, and what the server tells of its work."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest

from gpu.metrics import PoolMetrics
from shared.core.chunk import Used
from tests.vllm.asking import SPEC, Asking, greedy
from tests.vllm.served import LLAMA, LONG, SLOTS, WINDOW, Address


async def until(address: Address, met: Callable[[PoolMetrics], bool], seconds: float = 30.0) -> None:
    """Until the server's metrics are as they should be. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not met(await asyncio.to_thread(address.metrics)):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


async def idle(address: Address) -> None:
    """Until the engine works on nothing."""
    await until(address, lambda now: not now.running, 5.0)


async def test_who_leaves_stops_the_engine_and_knows_what_is_to_be_paid(
    asking: Asking, address: Address
) -> None:
    """Soon after a caller has left the engine runs nothing; the last usage that came bills what the caller had, and
    the engine wrote no more than a little over that."""
    before = await asyncio.to_thread(address.metrics)
    request = asking.provider.prepare(SPEC, greedy("Say much.", LONG), stream=True, request_id="left")
    usages = []
    async with asking.provider.send(request) as reply:
        async for chunks in reply.chunks():
            usages += [chunk.usage.output for chunk in chunks if isinstance(chunk, Used)]
            if usages and usages[-1] >= 100:
                break
    await idle(address)
    after = await asyncio.to_thread(address.metrics)
    assert 100 <= usages[-1] < LONG // 2
    assert usages[-1] <= after.generation_tokens - before.generation_tokens < LONG


async def test_who_leaves_before_the_first_word_leaves_nothing_running(
    asking: Asking, address: Address
) -> None:
    """A call that is cancelled while it waits for its answer's head or body ends in the engine too."""
    for stream, seconds in ((True, 0.0), (True, 0.05), (False, 0.05), (False, 0.5)):
        task = asyncio.create_task(asking.hear(greedy("Say much.", LONG), stream=stream))
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await idle(address)
    assert (await asking.hear(greedy("Hello", 5))).answer.finish == "length"


async def test_metrics_count_what_was_done(asking: Asking, address: Address) -> None:
    """Tokens read and written, and seconds spent on them, are in the pool's metrics as its own parser reads them."""
    before = await asyncio.to_thread(address.metrics)
    heard = [(await asking.hear(greedy("What is a function? " * 60, 40))).answer.usage for _ in range(2)]
    after = await asyncio.to_thread(address.metrics)
    assert all(usage is not None for usage in heard)
    assert after.generation_tokens - before.generation_tokens == 80
    assert after.prompt_tokens - before.prompt_tokens == sum(usage.input for usage in heard if usage)
    assert after.decode_seconds > before.decode_seconds > 0
    assert after.prefill_seconds > before.prefill_seconds > 0
    assert (after.running, after.waiting, after.preemptions) == (0, 0, 0)
    assert 0 <= after.kv_usage <= 1
    assert after.prefix_hits - before.prefix_hits >= 128
    assert 0 < after.prefix_share < 1


async def test_more_than_fit_wait_and_are_all_answered(asking: Asking, address: Address) -> None:
    """Over the engine's own limit requests wait, the metrics say so, and once there is room every one of them gets its
    whole answer."""
    fillers = [asyncio.create_task(_fill(address)) for _ in range(SLOTS)]
    await until(address, lambda now: now.running == SLOTS)
    late = [asyncio.create_task(asking.hear(greedy(f"Say {at}.", 50))) for at in range(SLOTS)]
    await until(address, lambda now: now.waiting == SLOTS)
    assert not any(task.done() for task in (*fillers, *late))
    for filler in fillers:
        filler.cancel()
    await asyncio.wait(fillers)
    answers = [(await task).answer for task in late]
    assert all(answer.usage is not None and answer.finish in ("length", "stop") for answer in answers)
    await until(address, lambda now: (now.running, now.waiting) == (0, 0))


async def _fill(address: Address) -> None:
    """Take one of the engine's slots for as long as it is let."""
    body = {
        "model": LLAMA.served,
        "messages": [{"role": "user", "content": "Say much."}],
        "max_tokens": LONG,
        "ignore_eos": True,
        "cache_salt": "filler",
        "stream": True,
    }
    async with httpx.AsyncClient(base_url=address.base_url, timeout=120) as http:
        await http.post("/chat/completions", json=body)


async def test_a_tenants_prefix_is_its_own(asking: Asking) -> None:
    """The second time a tenant's prompt is read from the cache; another tenant's equal prompt never is."""
    prompt = greedy(
        f"{uuid4()} " + "The quick brown fox jumps over the lazy dog and runs away again. " * 20, 4
    )
    cached = []
    for tenant in ("one", "one", "other", "one", "other"):
        usage = (await asking.hear(prompt, tenant=tenant)).answer.usage
        assert usage is not None
        assert 256 < usage.input < WINDOW
        cached.append(usage.cache_read)
    assert cached[0] == cached[2] == 0
    assert cached[1] == cached[3] == cached[4] >= 256


async def test_work_without_a_salt_is_refused(address: Address) -> None:
    """No salt, or an empty one: 400 that names the field."""
    body = {"model": LLAMA.served, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    async with httpx.AsyncClient(base_url=address.base_url, timeout=30) as http:
        for more in ({}, {"cache_salt": ""}, {"cache_salt": None}):
            refused = await http.post("/chat/completions", json=body | more)
            assert refused.status_code == 400
            assert refused.json()["error"]["param"] == "cache_salt"
