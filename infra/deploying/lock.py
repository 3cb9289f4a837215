"""One deploy of an environment at a time: an advisory lock in its database, which ends with whoever holds it."""

import contextlib
from pathlib import Path

import asyncpg

from infra.deploying.patience import LOST, patiently
from infra.deploying.stopped import Stopped

_KEY = 6021844190571226
"""The lock's number; any that nobody else uses."""
_CONNECT_SECONDS = 10.0
_QUERIES = Path(__file__).parent / "queries"
_BUSY = (
    "Another deploy of {env} is going on (it holds the lock in the database, from {where}). "
    "Wait for it: two at once would undo one another."
)


class Lock:
    """The lock. Taken by `take`, kept over a restart of the database by `sure`, let go by `free`."""

    def __init__(self, dsn: str, env: str) -> None:
        self._dsn, self._env = dsn, env
        self._held: asyncpg.Connection[asyncpg.Record] | None = None

    @property
    def held(self) -> bool:
        """Whether it was taken."""
        return self._held is not None

    async def take(self) -> None:
        """Raises Stopped where another deploy has it, and what the driver raises where the database does not answer."""
        # Behind a pooler of transactions the lock would stay with somebody else's session: named, it is found in
        # pg_stat_activity, and such a pooler refuses the name.
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            self._dsn,
            timeout=_CONNECT_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "chatsmart deploy"},
        )
        try:
            taken = await connection.fetchval(_sql("lock"), _KEY)
            where = None if taken else await connection.fetchval(_sql("holder"), _KEY)
        except BaseException:
            connection.terminate()
            raise
        if not taken:
            await connection.close()
            raise Stopped(_BUSY.format(env=self._env, where=where or "somewhere"))
        self._held = connection

    async def sure(self) -> None:
        """Take it again where the database restarted and lost it. Raises Stopped where another deploy was faster."""
        if self._held is None:
            return
        try:
            await self._held.fetchval("select 1")
        except LOST:
            self._held.terminate()
            await patiently(self.take)

    async def free(self) -> None:
        """Let go. A database that is away has let go already."""
        held, self._held = self._held, None
        if held is not None:
            with contextlib.suppress(*LOST):
                await held.close(timeout=_CONNECT_SECONDS)


def _sql(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text("utf-8")
