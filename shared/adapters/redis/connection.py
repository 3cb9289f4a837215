"""The way into Redis: one client for commands, one for readers that wait, a line for scripts, and faults instead of
driver errors."""

import contextlib
from collections.abc import Iterator
from typing import Any, TypeAlias

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError

from shared.adapters.redis.line import Line
from shared.core.faults import Unavailable

Client: TypeAlias = Redis

BLOCK = 4.0
"""Seconds that a reader waits on the server before it looks round: well under any proxy's idle limit."""
_COMMAND = 5.0
_RETRIES = 3
_COMMANDS = 32
_READERS = 9000
"""Connections: more commands than that queue; more waiting readers get Unavailable (Redis itself stops at 10,000)."""


class RedisConnection:
    """Clients connect when they are first used, and again after a loss: nothing here needs starting."""

    def __init__(self, url: str) -> None:
        self.commands = _pool(BlockingConnectionPool, url, _COMMANDS, _COMMAND, timeout=_COMMAND)
        # each reader that waits holds a connection; the driver's own limit is 100
        self.waiting = _pool(ConnectionPool, url, _READERS, BLOCK + _COMMAND)
        self.line = Line(self.commands)

    async def ready(self) -> None:
        """Raises Unavailable where Redis does not answer."""
        with reached():
            await self.commands.exists("cs:ready")

    async def close(self) -> None:
        """Close all connections."""
        await self.line.close()
        await self.commands.aclose()
        await self.waiting.aclose()


def _pool(kind: type[ConnectionPool], url: str, most: int, seconds: float, **more: Any) -> Client:
    # Commands are repeated on a lost connection, so each must bear it. RESP 2: no handshake, and what Redis 6.2 and
    # every proxy speak.
    pool = kind.from_url(
        url,
        max_connections=most,
        protocol=2,
        socket_timeout=seconds,
        socket_connect_timeout=_COMMAND,
        retry=Retry(ExponentialBackoff(cap=0.4, base=0.02), _RETRIES),
        **more,
    )
    client: Client = Redis.from_pool(pool)
    return client


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """Driver errors as Unavailable: whoever depends on Redis fails closed."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable(f"Redis can't be used ({type(error).__name__}).") from error
