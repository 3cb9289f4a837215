"""The database's part: migrations, applied while the release before still runs on it.

So each must only add: a release that knows nothing of it goes on working, during the deploy and after a rollback.
What takes something away comes a release later, when nothing that runs asks for it (docs/deploy.md).
"""

from pathlib import Path

import asyncpg

from infra.deploying.journey import Journey, Step
from infra.deploying.patience import LOST, patiently
from infra.deploying.stopped import Stopped
from infra.deploying.stores import claim
from infra.migrate import MIGRATIONS as FOLDER
from infra.migrate import CannotMigrate, found, migrate

_APPLIED = Path(__file__).parent / "queries" / "applied.sql"


async def apply(journey: Journey, folder: Path = FOLDER) -> str:
    """Apply what is missing; a database that restarts meanwhile is waited for. Raises Stopped naming the file."""
    file = journey.order.file
    admin, app = file["DATABASE_ADMIN_URL"], file.get("DATABASE_URL", "")
    before = await _known(admin, folder)

    async def once() -> None:
        await migrate(admin, folder=folder, app_dsn=app)
        await claim(admin, journey.order.env)

    try:
        await patiently(once, waiting=lambda: journey.say("  the database went away; waiting for it"))
    except CannotMigrate as error:
        raise Stopped(f"The migrations can't be applied: {error}") from None
    except (*LOST, asyncpg.PostgresError) as error:
        raise Stopped(f"The migrations can't be applied: the database is not there: {error}") from None
    finally:
        journey.applied = sorted(await _known(admin, folder, before) - before)
    if not journey.applied:
        return f"all {len(found(folder))} were applied before"
    return f"{len(journey.applied)} applied: {', '.join(journey.applied)}"


async def _known(admin: str, folder: Path, otherwise: frozenset[str] = frozenset()) -> frozenset[str]:
    """The names of the files that are applied; `otherwise` where the database can't tell."""
    try:
        versions = await patiently(lambda: _versions(admin))
    except LOST:
        return otherwise
    return frozenset(one.path.name for one in found(folder) if one.version in versions)


async def _versions(admin: str) -> frozenset[str]:
    connection = await asyncpg.connect(admin, statement_cache_size=0, timeout=10)
    try:
        return frozenset(row["version"] for row in await connection.fetch(_APPLIED.read_text("utf-8")))
    except asyncpg.UndefinedTableError:
        return frozenset()
    finally:
        await connection.close()


async def stay(journey: Journey) -> str:
    """Nothing is taken back: what runs goes on working with what was added."""
    if not journey.applied:
        return ""
    return (
        f"The migrations stay: {', '.join(journey.applied)}. They only add, so what runs goes on working; "
        "the next deploy finds them applied."
    )


MIGRATIONS = Step("migrations", f"apply what is missing of {len(found())} migrations", apply, stay)
