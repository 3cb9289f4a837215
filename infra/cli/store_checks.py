"""What `chatsmart doctor` finds out about the stores that the settings name, or those of this machine's home."""

import contextlib
from collections.abc import AsyncIterator

from infra.cli.finding import Finding
from infra.cli.postgres_checks import postgres_checks
from infra.cli.target import Server
from shared.config import Settings


async def store_checks(settings: Settings, server: Server | None) -> list[Finding]:
    """Findings on the stores that the settings name, or on the embedded ones while they run."""
    async with _addresses(settings, server) as (app, admin, redis):
        return [*await postgres_checks(app, admin), *await _redis(redis)]


@contextlib.asynccontextmanager
async def _addresses(settings: Settings, server: Server | None) -> AsyncIterator[tuple[str, str, str]]:
    """The app's and the administrator's address of Postgres and that of Redis; empty where there is none."""
    app, admin, redis = settings.database_url, settings.database_admin_url, settings.redis_url
    if (app and redis) or server is None or settings.env == "production":
        yield app, admin, redis
        return
    from infra.local import DATABASE
    from shared.adapters.embedded.home import Servers

    async with Servers(settings.home) as embedded:
        yield (
            app or embedded.postgres_dsn("chatsmart_app", DATABASE),
            admin or ("" if app else embedded.postgres_dsn("postgres", DATABASE)),
            redis or embedded.redis_dsn(),
        )


async def _redis(url: str) -> list[Finding]:
    if not url:
        return [Finding("redis", "skipped", "embedded; it starts with `chatsmart up`")]
    from shared.adapters.redis.inspect import inspect

    return [Finding(one.name, one.status, one.what, one.advice) for one in await inspect(url)]
