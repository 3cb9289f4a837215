"""The time limit between two reads."""

import asyncio
import time

import pytest

from shared.models.silence import Silence


async def test_silence_is_over_in_time() -> None:
    """What does not come within the limit is a timeout, and no longer waited for."""
    silence, never = Silence(), asyncio.Event()
    with pytest.raises(TimeoutError):
        await silence.within(never.wait(), 0.05)
    silence.stop()


async def test_a_process_that_was_held_up_blames_nobody() -> None:
    """What came while this process stood still is taken, however late the clock says it is."""
    silence, pipe = Silence(), asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    loop.call_later(0.02, _stand_still, 0.6)
    # Ready while the process stands still: whoever reads it gets its turn after the limit has passed.
    loop.call_later(0.1, pipe.feed_data, b"here")
    assert await silence.within(pipe.read(4), 0.3) == b"here"
    silence.stop()


async def test_silence_after_a_hold_up_is_silence() -> None:
    """The wait goes on once for as long as the process stood still, not for ever."""
    silence, never = Silence(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, _stand_still, 0.6)
    with pytest.raises(TimeoutError):
        await silence.within(never.wait(), 0.3)
    silence.stop()


def _stand_still(seconds: float) -> None:
    time.sleep(seconds)
