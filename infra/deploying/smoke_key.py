"""The key of the smoke test: a tenant of its own, a few cents, a quarter of an hour, and gone with the test."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from infra.deploying.patience import patiently
from infra.deploying.stopped import Stopped
from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.keys import PostgresKeys
from shared.core.faults import OurFault, Unavailable
from shared.core.ids import KeyId, TenantId
from shared.core.money import Micros
from shared.core.tenant import Limits, Principal
from shared.tenancy.keys import Keyring

TENANT = TenantId("0193e6a0-0000-7000-8000-0000005a0ce1")
LIMITS = Limits(run_micros=Micros(20_000), day_micros=Micros(20_000), requests_per_minute=30)
"""Two cents: an answer of a few words costs a thousandth of that."""
_LIFE = timedelta(minutes=15)
"""Should nobody get to revoking it."""


@contextlib.asynccontextmanager
async def smoke_key(dsn: str) -> AsyncIterator[str]:
    """A key that works for as long as the block runs, made with the rights that the app itself has. Raises Stopped."""
    database = Database(dsn, size=1)
    clock = SystemClock()
    ring = Keyring(PostgresKeys(database), clock, RandomIds())
    owner = Principal(TENANT, "deploy")

    async def made() -> tuple[KeyId, str]:
        await database.connect()
        await ring.keys.ensure_tenant(TENANT, "Smoke tests of deploys")
        key, secret = await ring.create(owner, "smoke test", expires=clock.now() + _LIFE, limits=LIMITS)
        return key.id, secret

    try:
        try:
            name, secret = await patiently(made)
        except (Unavailable, OurFault) as fault:
            raise Stopped(f"DATABASE_URL: no key for the smoke test can be made: {fault.message}") from None
        try:
            yield secret
        finally:
            # The key ends by itself soon: a database that is away now must not turn a good deploy into a failed one.
            with contextlib.suppress(Unavailable):
                await patiently(lambda: ring.revoke(owner, name), seconds=10)
    finally:
        await database.close()
