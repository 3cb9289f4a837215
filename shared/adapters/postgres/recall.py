"""The prompt cache in Postgres: the truth behind the front store; and what is known of near hits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

import orjson

from shared.adapters.postgres.database import Connection, Database, Record, text_of
from shared.adapters.postgres.queries import load
from shared.core.faults import Unavailable
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.ports.answers import Counted, Stored, Tally
from shared.ports.clock import Clock

_SQL = load("recall")
Off = Callable[[int, int], bool]
"""Whether near hits stop, of so many that were wrong and so many that were checked."""
LEAST = 0.8
"""The least cosine of what is near at all."""
_REMEMBERED = 3.0
"""Seconds for which a process goes by what it was told of a tenant's near tier."""
_TENANTS = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """What Postgres has for a request, and the epoch that it was read under. `until`: when the last answer of the frame
    whose words could be near expires."""

    epoch: int
    exact: Stored | None
    content: Stored | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Newest:
    """A tenant's newest answers. Those in `large` are there, but their bodies were left out."""

    epoch: int
    small: Sequence[Stored]
    large: Sequence[Stored]


class PostgresAnswers:
    """What `ports.answers.Answers` is made of. Everything raises Unavailable."""

    def __init__(self, database: Database, off: Off = lambda wrong, checked: False) -> None:
        self._database, self._off = database, off

    async def epoch(self, tenant: TenantId) -> int:
        """How many purges there were."""
        async with self._database.tenant(tenant) as connection:
            return await _epoch(connection, tenant)

    async def find(
        self, tenant: TenantId, key: bytes, frame: bytes, content: bytes | None, at: datetime
    ) -> Kept:
        """What has not expired. The epoch is read first: a purge meanwhile makes what was found void."""
        async with self._database.tenant(tenant) as connection:
            epoch = await _epoch(connection, tenant)
            exact = await connection.fetchrow(_SQL["exact"], tenant, key, at)
            like = None
            if exact is None and content is not None:
                like = await connection.fetchrow(_SQL["content"], tenant, content, at)
            until = await connection.fetchval(_SQL["frame"], tenant, frame, at)
        return Kept(epoch, _maybe(exact), _maybe(like), until)

    async def near(
        self,
        tenant: TenantId,
        frame: bytes,
        vector: Sequence[float],
        embedder: str,
        at: datetime,
        limit: int,
    ) -> Sequence[tuple[Stored, float]]:
        """An exact scan of the frame's vectors."""
        about = (tenant, frame, embedder, at, _vector(vector), len(vector), 1 - LEAST + 1e-6, limit)
        async with self._database.tenant(tenant) as connection:
            rows = await connection.fetch(_SQL["near"], *about)
        return tuple((_stored(row), row["score"]) for row in rows)

    async def put(
        self,
        tenant: TenantId,
        stored: Stored,
        vector: Sequence[float] | None,
        embedder: str,
        since: int | None = None,
    ) -> int | None:
        """Store an answer that was asked for under the epoch `since`; the epoch now. None: it was purged before it was
        there, and is not stored."""
        async with self._database.tenant(tenant) as connection:
            epoch = await connection.fetchval(_SQL["share_epoch"], tenant)
            if epoch is None:
                await connection.execute(_SQL["first_epoch"], tenant)
                epoch = int(await connection.fetchval(_SQL["share_epoch"], tenant))
            if since is not None and since < epoch:
                about = (tenant, since, stored.model, stored.template, list(stored.tags), stored.run)
                if await connection.fetchval(_SQL["purged_since"], *about):
                    return None
            await connection.execute(
                _SQL["put"], tenant, *_row(stored), embedder, _vector(vector) if vector else None
            )
        return int(epoch)

    async def purge(
        self, tenant: TenantId, model: str = "", template: str = "", tag: str = ""
    ) -> tuple[int, int]:
        """Delete what fits; how many, and the new epoch. What is being stored meanwhile goes too."""
        fits = (model, template, tag)
        async with self._database.tenant(tenant) as connection:
            epoch = await connection.fetchval(_SQL["next_epoch"], tenant)
            gone = await connection.execute(_SQL["purge"], tenant, *fits)
            await connection.execute(_SQL["note_purge"], tenant, epoch, *fits)
            await connection.execute(_SQL["forget_purges"], tenant)
        return int(gone.split()[-1]), int(epoch)

    async def newest(self, tenant: TenantId, at: datetime, limit: int, largest: int, together: int) -> Newest:
        """The newest answers; `largest` and `together` are bytes of a body and of all that are read."""
        async with self._database.tenant(tenant) as connection:
            epoch = await _epoch(connection, tenant)
            rows = await connection.fetch(_SQL["newest"], tenant, at, limit, largest, together)
        small = [_stored(row) for row in rows if row["reads"] is not None]
        return Newest(epoch, small, [_stored(row) for row in rows if row["reads"] is None])

    async def tally(self, tenant: TenantId) -> Tally:
        """See the port."""
        async with self._database.tenant(tenant) as connection:
            kept = await connection.fetchrow(_SQL["tally"], tenant)
            counts = {row["what"]: row for row in await connection.fetch(_SQL["counts"], tenant)}
            wrong, checked = await _checks(connection, tenant)
        assert kept is not None
        n = {
            what: int(counts[what]["n"]) if what in counts else 0
            for what in ("hit", "near", "joined", "miss")
        }
        saved = Micros(sum(row["saved_micros"] for row in counts.values()))
        return Tally(
            kept["entries"], kept["bytes"], n["hit"], n["near"], n["joined"], n["miss"], saved, checked, wrong,
            self._off(wrong, checked),
        )  # fmt: skip

    async def count(self, tenant: TenantId, counts: Mapping[Counted, tuple[int, int]]) -> None:
        """Add to the figures: requests, and micro-dollars saved."""
        # In one order in every process, so that no two wait for each other.
        rows = [(tenant, what, n, saved) for what, (n, saved) in sorted(counts.items())]
        async with self._database.tenant(tenant) as connection:
            await connection.executemany(_SQL["count"], rows)


class PostgresNearRecord:
    """`ports.near.NearRecord`. `off` decides when near hits stop."""

    def __init__(self, database: Database, clock: Clock, off: Off) -> None:
        self._database, self._clock, self._off = database, clock, off
        self._open: dict[TenantId, tuple[bool, float]] = {}

    async def admitted(self, tenant: TenantId, pair: bytes) -> bool | None:
        """See the port."""
        try:
            async with self._database.tenant(tenant) as connection:
                found: bool | None = await connection.fetchval(_SQL["admitted"], tenant, pair)
        except Unavailable:
            return None
        return found

    async def admit(self, tenant: TenantId, pair: bytes, verdict: bool, at: datetime) -> None:
        """See the port. Raises Unavailable."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["admit"], tenant, pair, verdict, at)

    async def checked(self, tenant: TenantId, wrong: bool, at: datetime) -> None:
        """See the port. Raises Unavailable."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["check"], tenant, int(wrong), at)
        self._open.pop(tenant, None)

    async def is_open(self, tenant: TenantId) -> bool:
        """See the port."""
        known = self._open.get(tenant)
        if known is not None and known[1] > self._clock.monotonic():
            return known[0]
        try:
            async with self._database.tenant(tenant) as connection:
                found = not self._off(*await _checks(connection, tenant))
        except Unavailable:
            return False
        if len(self._open) >= _TENANTS:
            self._open.clear()
        self._open[tenant] = (found, self._clock.monotonic() + _REMEMBERED)
        return found

    async def reopen(self, tenant: TenantId, at: datetime) -> None:
        """See the port. Raises Unavailable."""
        async with self._database.tenant(tenant) as connection:
            await connection.execute(_SQL["reopen"], tenant, at)
        self._open.pop(tenant, None)


async def _epoch(connection: Connection, tenant: TenantId) -> int:
    return int(await connection.fetchval(_SQL["epoch"], tenant) or 0)


async def _checks(connection: Connection, tenant: TenantId) -> tuple[int, int]:
    """Wrong ones, and all that were checked."""
    row = await connection.fetchrow(_SQL["checks"], tenant)
    return (0, 0) if row is None else (row["wrong"], row["checked"])


def _vector(vector: Sequence[float]) -> str:
    """As pgvector reads it. Raises OurFault for what is no number."""
    return text_of([float(number) for number in vector])


def _row(stored: Stored) -> tuple[object, ...]:
    return (
        stored.key,
        stored.frame,
        stored.content,
        stored.model,
        stored.provider,
        stored.template,
        list(stored.tags),
        stored.run,
        stored.created,
        stored.expires,
        stored.cost,
        text_of(astuple(stored.usage)),
        stored.simulated,
        stored.reads,
        stored.words.encode("utf-8", "surrogatepass"),  # Postgres' text can't hold all that a request can
    )


def _maybe(row: Record | None) -> Stored | None:
    return None if row is None else _stored(row)


def _stored(row: Record) -> Stored:
    cost = row["cost_micros"]
    return Stored(
        key=row["key"],
        frame=row["frame"],
        content=row["content"],
        model=row["model"],
        provider=row["provider"],
        template=row["template"],
        tags=tuple(row["tags"]),
        run=RunId(row["run_id"]),
        created=row["created_at"],
        expires=row["expires_at"],
        cost=None if cost is None else Micros(cost),
        usage=Usage(*orjson.loads(row["usage"])),
        simulated=row["simulated"],
        reads=row["reads"] or b"",
        words=row["words"].decode("utf-8", "surrogatepass"),
    )
