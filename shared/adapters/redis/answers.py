"""Answers in Redis, in front of Postgres: what a request needs comes with one command.

Keys, all of a tenant in one hash slot. Every value begins with the epoch that it was read under in Postgres, and is
void in any other: a purge makes all of them void at once by one write.
  k:<key>, c:<content>  a stored answer, or only that Postgres has it, where it is large
  f:<frame>             the frame has answers whose words could be near
  epoch                 the tenant's epoch, as Postgres said within the last minute
  fresh                 … and within the last seconds
  warm                  the epoch under which the newest answers were brought here: what is not here is not there
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.adapters.redis.connection import RedisConnection, reached
from shared.adapters.redis.line import Script
from shared.core.frozen import quick
from shared.core.ids import RunId, TenantId
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.ports.answers import Stored

LARGEST = 256 * 2**10
"""Bytes of an answer that is kept here; a larger one stays in Postgres only."""
_EPOCH_MS, _FRESH_MS, _WARM_MS = 60_000, 15_000, 24 * 3_600_000
"""A Redis that was away while somebody purged is believed for a minute at most, for seconds while it is in use."""
_LARGE = b"large"
_FORMAT = "recall1"

# An epoch never goes back: what a slow reader of Postgres brings is old.
# KEYS: epoch, fresh
# ARGV: epoch, milliseconds of epoch and of fresh
_TELL = Script("""
local known = tonumber(redis.call('GET', KEYS[1]) or -1)
if known > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return 1
""")
# The marker of a frame lasts as long as the last of its answers.
# KEYS: the frame's. ARGV: epoch, milliseconds
_MARK = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")


@quick
@dataclass(frozen=True, slots=True)
class Seen:
    """What Redis has for a request. `epoch` None: it can't be believed. `large`: the answer is in Postgres."""

    epoch: int | None
    fresh: bool
    warm: bool
    exact: Stored | None = None
    content: Stored | None = None
    others: bool = False
    large: bool = False


class RedisAnswers:
    """The front store. Everything raises Unavailable."""

    def __init__(self, connection: RedisConnection, namespace: str = "chatsmart") -> None:
        self._connection, self._commands = connection, connection.commands
        self._stem = f"{namespace}:{_FORMAT}:"

    async def get(
        self, tenant: TenantId, key: bytes, frame: bytes, content: bytes | None, at: datetime
    ) -> Seen:
        """What there is for a request; one command."""
        stem = self._of(tenant)
        names = [
            stem + "epoch", stem + "fresh", stem + "warm", f"{stem}f:{frame.hex()}", f"{stem}k:{key.hex()}"
        ]  # fmt: skip
        if content is not None:
            names.append(f"{stem}c:{content.hex()}")
        with reached():
            found: Any = await self._commands.mget(names)
        epoch = found[0]
        if epoch is None:
            return Seen(None, fresh=False, warm=False)
        exact, large = _read(found[4], epoch, at)
        like = None
        if exact is None and not large and content is not None:
            like, large = _read(found[5], epoch, at)
        return Seen(
            int(epoch), found[1] is not None, found[2] == epoch, exact, like, found[3] == epoch, large
        )

    async def put(
        self, tenant: TenantId, epoch: int, stored: Sequence[Stored], large: Sequence[Stored], now: datetime
    ) -> None:
        """Keep answers that were read, or stored, under an epoch."""
        stem = self._of(tenant)
        frames: dict[bytes, int] = {}
        async with self._commands.pipeline(transaction=False) as pipeline:
            for one in reversed([*stored, *large]):  # of two with the same content words the newest stays
                left = int((one.expires - now).total_seconds() * 1000)
                if left <= 0:
                    continue
                small = bool(one.reads) and len(one.reads) <= LARGEST
                value = b"%d " % epoch + (_written(one) if small else _LARGE)
                pipeline.set(f"{stem}k:{one.key.hex()}", value, px=left)
                if one.content is not None:
                    pipeline.set(f"{stem}c:{one.content.hex()}", value, px=left)
                if one.words:
                    frames[one.frame] = max(left, frames.get(one.frame, 0))
            with reached():
                for frame, left in frames.items():
                    pipeline.eval(_MARK.text, 1, f"{stem}f:{frame.hex()}", epoch, left)
                await pipeline.execute()

    async def mark(self, tenant: TenantId, epoch: int, frame: bytes, until: datetime, now: datetime) -> None:
        """The frame has answers whose words could be near, until then."""
        left = int((until - now).total_seconds() * 1000)
        if left > 0:
            with reached():
                await self._connection.script(_MARK, [f"{self._of(tenant)}f:{frame.hex()}"], [epoch, left])

    async def tell(self, tenant: TenantId, epoch: int) -> None:
        """What Postgres says the epoch is: everything of an older one is void."""
        stem = self._of(tenant)
        with reached():
            await self._connection.script(
                _TELL, [stem + "epoch", stem + "fresh"], [epoch, _EPOCH_MS, _FRESH_MS]
            )

    async def warm(self, tenant: TenantId, epoch: int) -> None:
        """The newest answers of an epoch are all here."""
        with reached():
            await self._commands.set(self._of(tenant) + "warm", epoch, px=_WARM_MS)

    def _of(self, tenant: TenantId) -> str:
        return f"{self._stem}{{{tenant}}}:"


def _written(stored: Stored) -> bytes:
    head: list[Any] = [
        stored.key.hex(),
        stored.frame.hex(),
        None if stored.content is None else stored.content.hex(),
        stored.model,
        stored.provider,
        stored.template,
        stored.tags,
        stored.run,
        stored.created.isoformat(),
        stored.expires.isoformat(),
        stored.cost,
        astuple(stored.usage),
        stored.simulated,
    ]
    words = stored.words.encode("utf-8", "surrogatepass")  # JSON can't hold all that a request can
    return orjson.dumps([*head, len(words)]) + b"\n" + words + stored.reads


def _read(value: bytes | None, epoch: bytes, at: datetime) -> tuple[Stored | None, bool]:
    """A stored answer, and whether there is a large one instead."""
    if value is None:
        return None, False
    said, _, rest = value.partition(b" ")
    if said != epoch:
        return None, False
    if rest == _LARGE:
        return None, True
    head, _, body = rest.partition(b"\n")
    row = orjson.loads(head)
    expires = datetime.fromisoformat(row[9])
    if expires <= at:
        return None, False
    key, frame, content, model, provider, template, tags, run, created, _, cost, usage, simulated, size = row
    return (
        Stored(
            bytes.fromhex(key),
            bytes.fromhex(frame),
            None if content is None else bytes.fromhex(content),
            model,
            provider,
            template,
            tuple(tags),
            RunId(run),
            datetime.fromisoformat(created),
            expires,
            None if cost is None else Micros(cost),
            Usage(*usage),
            simulated,
            body[size:],
            body[:size].decode("utf-8", "surrogatepass"),
        ),
        False,
    )
