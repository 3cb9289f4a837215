"""`chatsmart migrate`: bring a database up to date."""

import asyncio
from collections.abc import Sequence

from infra.cli.named_stores import postgres
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble
from infra.local import home
from infra.migrate import CannotMigrate, found
from infra.migrate import migrate as apply
from shared.config import Settings


def migrate(*, as_json: bool) -> None:
    """Apply what is missing to DATABASE_ADMIN_URL, else to the embedded Postgres. Raises Trouble naming the file."""
    import asyncpg

    settings = Settings.from_env()
    if settings.database_url and not settings.database_admin_url:
        raise Trouble(
            "DATABASE_URL is set and DATABASE_ADMIN_URL is not: name the role that migrates.", code=2
        )
    try:
        names = asyncio.run(_apply(settings))
    except (CannotMigrate, OSError, asyncpg.PostgresError) as error:
        raise Trouble(f"The migrations can't be applied: {error}") from None
    if as_json:
        put({"applied": list(names), "all": len(found())})
        return
    for name in names:
        print(name)
    say(
        f"{len(names)} applied, {len(found())} in all."
        if names
        else f"Nothing to apply: all {len(found())} are."
    )


async def _apply(settings: Settings) -> Sequence[str]:
    if settings.database_admin_url:
        await postgres("DATABASE_ADMIN_URL", settings.database_admin_url)
        return await apply(settings.database_admin_url, app_dsn=settings.database_url)
    # Opening the embedded home migrates it; what it applied is the difference, and there is none to tell.
    async with home(settings.home, redis_url="unused") as opened:
        return await apply(opened.database_admin_url)
