"""`chatsmart migrate`: bring a database up to date."""

import asyncio
from collections.abc import Callable

from infra.cli.named_stores import postgres
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble
from infra.local import home
from infra.migrate import CannotMigrate, check_session, found
from infra.migrate import migrate as apply
from shared.config import Settings

_WAITING = "waiting"


def migrate(*, as_json: bool) -> None:
    """Apply what is missing to DATABASE_ADMIN_URL, else to the embedded Postgres: each file is told once it is applied,
    and at the end how many there are. Raises Trouble naming the file."""
    import asyncpg

    settings = Settings.from_env()
    if settings.database_url and not settings.database_admin_url:
        raise Trouble(
            "DATABASE_URL is set and DATABASE_ADMIN_URL is not: name the role that migrates.", code=2
        )
    names: list[str] = []

    def tell(line: str) -> None:
        if line.startswith(_WAITING):
            say(line)
            return
        names.append(line)
        if not as_json:
            print(line, flush=True)

    try:
        asyncio.run(_apply(settings, tell))
    except (CannotMigrate, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if as_json:
            put({"applied": names, "all": len(found()), "failed": str(error)})
        raise Trouble(f"The migrations can't be applied: {error}") from None
    if as_json:
        put({"applied": names, "all": len(found())})
        return
    say(
        f"{len(names)} applied, {len(found())} in all."
        if names
        else f"Nothing to apply: all {len(found())} are."
    )


async def _apply(settings: Settings, tell: Callable[[str], None]) -> None:
    if settings.database_admin_url:
        check_session(settings.database_admin_url)
        await postgres("DATABASE_ADMIN_URL", settings.database_admin_url)
        await apply(settings.database_admin_url, app_dsn=settings.database_url, tell=tell)
        return
    async with home(settings.home, redis_url="unused", tell=tell):  # opening it migrates it
        return
