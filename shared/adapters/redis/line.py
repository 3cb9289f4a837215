"""Scripts over one connection that everybody shares: what is asked while a round trip is under way shares the next.

Why not the client's own calls: one through a pool costs 80 to 100 us of CPU, one of these 80 alone and 26 with fifty
beside it (redis-py 8.1; hiredis would take a quarter off the one and a tenth off the other). Each script still runs by
itself, so one that refuses refuses nobody else.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

from redis.exceptions import AskError, ClusterDownError, NoScriptError, RedisError, TryAgainError
from redis.exceptions import ConnectionError as Lost
from redis.exceptions import TimeoutError as TooLate

from shared.adapters.redis.troubles import final, refused, told
from shared.core.faults import Unavailable

_PAUSES = (0.0, 0.05, 0.2)
"""Seconds before a connection that was lost is tried again; the connection itself tries some times to connect."""
_REPLICA = "READONLY "
_MOST = 200
"""Scripts in one round trip: others get their turn on the server after about a millisecond."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script that answers with one line of text, and may be run twice where a connection is lost."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        """Redis knows a script by the SHA-1 of its text."""
        object.__setattr__(self, "sha", sha1(self.text.encode(), usedforsecurity=False).hexdigest())


@dataclass(slots=True, eq=False)
class _Asked:
    script: Script
    words: Sequence[str]
    answer: "asyncio.Future[str]"
    """Cancelled where the caller has left; what it asked is done all the same."""
    answered: bool = False


class Elsewhere(Unavailable):
    """A node of a cluster does not have the script's keys, or not now; nothing was run."""

    def __init__(self, error: RedisError) -> None:
        super().__init__(told(error))
        self.error = error


class Line:
    """Runs scripts. Connects when it is first used, and again after a loss; `make` makes a connection."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._connection: Any = None
        self._told: set[str] = set()
        """Scripts whose text this connection has sent: what is asked first has to run first, so that none of them may
        come back as unknown while others run."""
        self._waiting: list[_Asked] = []
        self._flight: asyncio.Task[None] | None = None

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str]) -> str:
        """The script's answer. Raises Unavailable. A caller that leaves stops nothing: what was asked is done."""
        asked = _Asked(
            script, (str(len(keys)), *keys, *arguments), asyncio.get_running_loop().create_future()
        )
        self._waiting.append(asked)
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fly())
        return await asked.answer

    async def close(self) -> None:
        """Wait for what is under way and close the connection."""
        if self._flight is not None and not self._flight.done():
            await asyncio.wait((self._flight,))
        await self._hang_up()

    async def _fly(self) -> None:
        group: list[_Asked] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._surely(group)
        finally:
            # Cancelled, or a defect: nobody is left waiting for ever.
            for asked in (*group, *self._waiting):
                _end(asked, Unavailable("Redis was let go of before it answered."))
            self._waiting = []

    async def _surely(self, group: list[_Asked]) -> None:
        """Have the whole group answered: with a reply, or with Unavailable."""
        error: Exception = Lost()
        for pause in _PAUSES:
            if pause:
                await asyncio.sleep(pause)
            try:
                await self._round_trip([asked for asked in group if not asked.answered])
                return
            except (Lost, OSError) as lost:
                error = lost
                if final(lost):
                    break
            except RedisError as refused:
                # Too late, or the connection's own beginning was refused: a password, say.
                error = refused
                break
        for asked in group:
            fault = Unavailable(told(error))
            fault.__cause__ = error
            _end(asked, fault)

    async def _round_trip(self, group: list[_Asked]) -> None:
        try:
            if self._connection is None:
                self._connection = self._make()
                await self._connection.connect()
                self._told = set()
            told = self._told
            unknown = await self._exchange(
                group,
                [
                    ("EVALSHA", asked.script.sha) if asked.script.sha in told else ("EVAL", asked.script.text)
                    for asked in group
                ],
            )
            told.update([asked.script.sha for asked in group])
            if unknown:
                await self._exchange(unknown, [("EVAL", asked.script.text) for asked in unknown])
        except BaseException:
            # Replies that nobody has read would be taken for those of the next ones.
            await self._hang_up()
            raise

    async def _exchange(self, group: list[_Asked], heads: list[tuple[str, str]]) -> list[_Asked]:
        """Send all, read all. The ones whose script the server does not know."""
        packed = b"".join(_packed(*head, asked.words) for head, asked in zip(heads, group, strict=True))
        await self._connection.send_packed_command(packed, check_health=False)
        unknown = []
        for asked in group:
            try:
                reply = await self._connection.read_response(disable_decoding=True)
            except NoScriptError:
                unknown.append(asked)
            except (Lost, TooLate):
                raise
            except (AskError, TryAgainError, ClusterDownError) as error:  # MOVED is a kind of ASK
                asked.answered = True
                _end(asked, Elsewhere(error))
            except RedisError as error:
                if _REPLICA in str(error):
                    # It was the primary; by its name another is found. What it refused was not run.
                    raise Lost(str(error)) from error
                asked.answered = True
                _end(asked, Unavailable(refused(error)))
            else:
                asked.answered = True
                if not asked.answer.done():
                    asked.answer.set_result(reply.decode())
        return unknown

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


def _end(asked: _Asked, fault: Unavailable) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(fault)


def _packed(verb: str, script: str, words: Sequence[str]) -> bytes:
    """A command as Redis reads it. Lengths are bytes."""
    if not script.isascii() or not all(map(str.isascii, words)):
        raw = [word.encode() for word in (verb, script, *words)]
        return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in raw)
    lines = [f"*{2 + len(words)}\r\n${len(verb)}\r\n{verb}\r\n${len(script)}\r\n{script}\r\n"]
    lines += [f"${len(word)}\r\n{word}\r\n" for word in words]
    return "".join(lines).encode()
