"""Notices in Postgres: what was answered must not be forgotten."""

from collections.abc import Sequence

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.queries import load
from shared.ports.inbox import Notice

_SQL = load("inbox")


class PostgresInbox:
    """`ports.inbox.Inbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, notice: Notice) -> bool:
        """See the port. Sent again where the connection is lost, it may find itself there: still kept once."""
        rows = await self._database.call(
            _SQL["put"], notice.source, notice.id, notice.kind, notice.received, notice.body
        )
        return bool(rows[0][0])

    async def waiting(self, source: str, most: int) -> Sequence[Notice]:
        """See the port."""
        rows = await self._database.call(_SQL["waiting"], source, most)
        return tuple(Notice(source, row["id"], row["kind"], row["received_at"], row["body"]) for row in rows)
