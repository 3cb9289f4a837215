"""A tenant and its key in a deployed environment: the first one can't be made over HTTP, where each needs another."""

from infra.deploying.patience import LOST
from infra.deploying.stopped import Stopped
from shared.adapters.clock import RandomIds, SystemClock
from shared.adapters.postgres.database import Database
from shared.adapters.postgres.keys import PostgresKeys
from shared.core.faults import BadRequest, OurFault
from shared.core.ids import TenantId
from shared.core.tenant import Principal, Scope
from shared.tenancy.keys import Keyring


async def first_key(dsn: str, name: str, *, operator: bool) -> tuple[TenantId, str]:
    """A fresh tenant of that name and a key of it, which is shown this once. Raises Stopped."""
    scopes: frozenset[Scope] = frozenset({"member", "operator"} if operator else {"member"})
    ids = RandomIds()
    tenant = TenantId(str(ids.uuid()))
    try:
        database = await Database.open(dsn, size=1)
        try:
            keys = PostgresKeys(database)
            await keys.ensure_tenant(tenant, name)
            ring = Keyring(keys, SystemClock(), ids)
            _, secret = await ring.create(Principal(tenant, "deploy", scopes=scopes), name, scopes=scopes)
        finally:
            await database.close()
    except BadRequest as fault:
        raise Stopped(fault.message, code=2) from None
    except (OurFault, ValueError, *LOST) as fault:
        raise Stopped(f"DATABASE_URL: no key can be made: {fault}") from None
    return tenant, secret
