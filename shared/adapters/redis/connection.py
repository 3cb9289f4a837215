"""The way into Redis: one client for commands, one for readers that wait, a line for scripts, and faults instead of
driver errors. One server or a cluster, by the address: whoever uses this need not know which."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import NoScriptError, ReadOnlyError, RedisClusterException, RedisError

from shared.adapters.redis.address import Address, address_of
from shared.adapters.redis.line import Line, Script
from shared.adapters.redis.slots import Cluster, Slots
from shared.adapters.redis.troubles import told
from shared.core.faults import Unavailable

T = TypeVar("T")
Client: TypeAlias = Redis
Entries: TypeAlias = list[tuple[bytes, dict[bytes, bytes]]]
"""Of a stream: ids and fields."""
ERRORS = (RedisError, RedisClusterException, OSError)
"""What the driver raises."""

BLOCK = 4.0
"""Seconds that a reader waits on the server before it looks round: well under any proxy's idle limit."""
_COMMAND = 5.0
_RETRIES = 3
_COMMANDS = 32
_READERS = 9000
"""Connections: more commands than that queue; more waiting readers get Unavailable (Redis itself stops at 10,000)."""


class RedisConnection:
    """Clients connect when they are first used, and again after a loss: nothing here needs starting. Raises BadAddress,
    which is a ValueError."""

    def __init__(self, url: str) -> None:
        address = address_of(url)
        self.cluster = address.cluster
        self._beside: set[asyncio.Task[Any]] = set()
        self.line: Line | Slots
        if address.cluster:
            self.commands, cluster = _cluster(address, _COMMANDS * 4, _COMMAND)
            self.waiting, self._readers = _cluster(address, _READERS, BLOCK + _COMMAND)
            self.line = Slots(cluster)
            return
        self.commands = _pool(BlockingConnectionPool, address, _COMMANDS, _COMMAND, timeout=_COMMAND)
        # each reader that waits holds a connection; the driver's own limit is 100
        self.waiting = _pool(ConnectionPool, address, _READERS, BLOCK + _COMMAND)
        pool: Any = self.commands.connection_pool
        self.line = Line(pool.make_connection)

    async def ready(self) -> None:
        """Raises Unavailable, with what to do, where Redis does not answer."""
        with reached():
            await self.commands.exists("cs:ready")

    async def script(
        self, script: Script, keys: Sequence[str], arguments: Sequence[bytes | str | int]
    ) -> Any:
        """A script whose answer is not one line of text. Raises the driver's errors."""
        words: Any = (len(keys), *keys, *arguments)
        try:
            return await self.commands.evalsha(script.sha, *words)
        except NoScriptError:
            return await self.commands.eval(script.text, *words)

    async def entries(self, key: str, after: str, count: int, block_ms: int | None = None) -> Entries:
        """A stream's next entries; with `block_ms` it waits for one so long. Raises the driver's errors."""
        if block_ms is None:
            found: Any = await self.commands.xrange(key, min=f"({after}", count=count)
            return list(found)
        if not self.cluster:
            answer: Any = await self.waiting.xread({key: after}, count=count, block=block_ms)
            return list(answer[0][1]) if answer else []
        # The cluster's client may not hear that it is cancelled while it connects: who leaves does not wait for it.
        task = self.beside(self._waited(key, after, count, block_ms), "a reader waits")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def _waited(self, key: str, after: str, count: int, block_ms: int) -> Entries:
        await self._readers.initialize()
        # Where the keys of this command are, a cluster's client would ask the server each time: the node is named.
        node = self._readers.get_node_from_key(key)
        waiting: Any = self.waiting
        answer: Any = await waiting.execute_command(
            "XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", key, after, target_nodes=node
        )
        return list(answer[0][1]) if answer else []

    async def pages(self, streams: Mapping[str, str], count: int, block_ms: int) -> list[tuple[str, Entries]]:
        """The next entries of several streams; waits a moment for the first. Raises the driver's errors."""
        if not self.cluster:
            asked: Any = dict(streams)
            answer: Any = await self.waiting.xread(asked, count=count, block=block_ms)
            return [(key.decode(), list(entries)) for key, entries in answer or ()]
        # One command can't wait for streams of several slots: they are looked at one by one, in one round trip a node.
        async with self.commands.pipeline(transaction=False) as pipeline:
            for key, after in streams.items():
                pipeline.xrange(key, min=f"({after}", count=count)
            pages: Any = await pipeline.execute()
        found = [(key, list(page)) for key, page in zip(streams, pages, strict=True) if page]
        if not found:
            await asyncio.sleep(block_ms / 1000)
        return found

    def beside(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Work that goes on behind callers' backs, and ends with the connection."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._beside.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._beside.discard(task)
        if not task.cancelled():
            task.exception()  # told to the caller, unless it has left

    async def close(self) -> None:
        """Close all connections."""
        for task in tuple(self._beside):
            task.cancel()
        if self._beside:
            await asyncio.wait(tuple(self._beside))
        await self.line.close()
        await self.commands.aclose()
        await self.waiting.aclose()


def _pool(kind: type[ConnectionPool], address: Address, most: int, seconds: float, **more: Any) -> Client:
    # Commands are repeated on a lost connection, so each must bear it. RESP 2: no handshake, and what Redis 6.2 and
    # every proxy speak.
    pool = kind.from_url(address.url, max_connections=most, **_timing(seconds), **address.options, **more)
    client: Client = Redis.from_pool(pool)
    return client


def _cluster(address: Address, most: int, seconds: float) -> tuple[Client, Cluster]:
    """A cluster's client, which takes the same commands, twice: as those who use it see it, and as what it is."""
    # A slot that moves is learned by itself: to learn all anew would cut everybody else's connections.
    more = {"max_connections": most, "reinitialize_steps": 0}
    cluster: Any = Cluster.from_url(address.url, **more, **_timing(seconds), **address.options)
    return cluster, cluster


def _timing(seconds: float) -> dict[str, Any]:
    return {
        "protocol": 2,
        "socket_timeout": seconds,
        "socket_connect_timeout": _COMMAND,
        # One that is late is not asked again: it would be late for as many times longer.
        "retry": Retry(ExponentialBackoff(cap=0.4, base=0.02), _RETRIES, (Lost,)),
        "retry_on_error": [
            ReadOnlyError
        ],  # a primary that became a replica: its name leads to another after that
    }


@contextlib.contextmanager
def reached() -> Iterator[None]:
    """Driver errors as Unavailable: whoever depends on Redis fails closed."""
    try:
        yield
    except ERRORS as error:
        raise Unavailable(told(error)) from error
