"""Scripts on a cluster: a line to each node, and each script to the node that has its keys.

The driver knows which node that is, and learns it anew where a slot has moved or a node is lost. Every key of a script
lies in one slot, so that its first key says where it goes.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import RedisCluster
from redis.exceptions import AskError, MovedError, RedisClusterException, RedisError

from shared.adapters.redis.line import Elsewhere, Line, Script
from shared.adapters.redis.troubles import final, told
from shared.core.faults import Unavailable

_PAUSES = (0.0, 0.05, 0.2, 0.5)
"""Seconds before a script is sent again, to whoever has its keys then."""


class Cluster(RedisCluster):
    """The driver's client, but what it learns of the cluster it learns in a task of its own: a caller that leaves in
    the middle leaves it whole."""

    _learning: "asyncio.Task[RedisCluster] | None" = None

    async def initialize(self, *args: Any, **named: Any) -> RedisCluster:
        """As the driver's."""
        if self._initialize:
            if self._learning is None or self._learning.done():
                self._learning = asyncio.create_task(super().initialize(*args, **named))
            await asyncio.shield(self._learning)
        return self


class Slots:
    """A `Line` for a cluster."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster
        self._lines: dict[str, Line] = {}
        self._learning: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[str]] = set()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> str:
        """The script's answer. Raises Unavailable. A caller that leaves stops nothing: what was asked is done."""
        task = asyncio.create_task(self._run(script, keys, arguments))
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for what is under way and close the connections."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))
        for line in self._lines.values():
            await line.close()
        self._lines.clear()

    async def _run(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> str:
        fault = Unavailable("Redis can't be used.")
        slot = self._cluster.keyslot(keys[0])
        for pause in _PAUSES:
            if pause:
                await asyncio.sleep(pause)
            try:
                if pause or not self._cluster.nodes_manager.slots_cache:
                    await self._learn()
                return await self._line(slot).run(script, keys, arguments)
            except Elsewhere as elsewhere:
                fault = elsewhere
                if isinstance(elsewhere.error, MovedError):
                    await self._cluster.nodes_manager.move_slot(elsewhere.error)
                elif isinstance(elsewhere.error, AskError):
                    return await self._asking(script, keys, arguments)
            except Unavailable as lost:
                fault = lost
                if lost.__cause__ is None or final(lost.__cause__):
                    break
            except (RedisError, RedisClusterException, OSError) as error:
                fault = Unavailable(told(error))
                if final(error):
                    break
        raise Unavailable(fault.message)

    def _line(self, slot: int) -> Line:
        node: Any = self._cluster.nodes_manager.get_node_from_slot(slot)
        line = self._lines.get(node.name)
        if line is None:
            line = self._lines[node.name] = Line(lambda: node.connection_class(**node.connection_kwargs))
        return line

    async def _asking(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> str:
        """While a slot moves the driver asks at both ends."""
        commands: Any = self._cluster
        try:
            answer = await commands.eval(script.text, len(keys), *keys, *arguments)
        except (RedisError, RedisClusterException, OSError) as error:
            raise Unavailable(told(error)) from error
        return str(answer.decode())

    async def _learn(self) -> None:
        """Which node has what, one question at a time. Raises the driver's errors."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._ask())
        await asyncio.shield(self._learning)

    async def _ask(self) -> None:
        if self._cluster.nodes_manager.slots_cache:
            await self._cluster.nodes_manager.initialize()
        else:
            await self._cluster.initialize()

    def _over(self, task: "asyncio.Task[str]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to the caller, unless it has left
