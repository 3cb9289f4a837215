"""What `chatsmart doctor` finds out about Postgres and Redis: reachable, migrated, and met as a plain role."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

from infra.cli.target import Server
from shared.config import Settings

Finding = tuple[str, Literal["ok", "failed", "skipped"], str, str]
"""Name, status, what was found, what to do."""
CONNECT_SECONDS = 5.0
QUERIES = Path(__file__).parent / "queries"


async def store_checks(settings: Settings, server: Server | None) -> list[Finding]:
    """Findings on the stores that the settings name, or on the embedded ones while they run."""
    async with _addresses(settings, server) as (app, admin, redis):
        return [*await _postgres(app, admin), *await _redis(redis)]


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


async def _postgres(app: str, admin: str) -> list[Finding]:
    if not app:
        return [("postgres", "skipped", "embedded; it starts with `chatsmart up`", "")]
    import asyncpg

    try:
        role = await _row(app, "role.sql")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        said = str(error) or type(error).__name__
        return [
            (
                "postgres",
                "failed",
                f"does not answer: {said}",
                "Check DATABASE_URL, or restart `chatsmart up`.",
            )
        ]
    found: list[Finding] = [
        ("postgres", "ok", f"version {role['version']}, pgvector {role['vector'] or 'is missing'}", "")
    ]
    if role["unbound"]:
        advice = "Let DATABASE_URL name a plain role: this one passes row-level security by."
        found.append(("role", "failed", f"'{role['name']}' sees every tenant's rows", advice))
    else:
        found.append(("role", "ok", f"'{role['name']}' is bound by row-level security", ""))
    found.append(await _migrations(admin))
    return found


async def _migrations(admin: str) -> Finding:
    if not admin:
        return ("migrations", "skipped", "DATABASE_ADMIN_URL is not set", "")
    import asyncpg

    from infra.migrate import found as files

    wanted = {migration.version: migration.path.name for migration in files()}
    try:
        connection = await asyncpg.connect(admin, timeout=CONNECT_SECONDS, statement_cache_size=0)
        try:
            applied = {row["version"] for row in await connection.fetch(_query("applied.sql"))}
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError:
        applied = set()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return ("migrations", "failed", f"can't be read: {error}", "Check DATABASE_ADMIN_URL.")
    missing = [name for number, name in wanted.items() if number not in applied]
    if missing:
        return (
            "migrations",
            "failed",
            f"{len(missing)} not applied, first {missing[0]}",
            "Run `chatsmart migrate`.",
        )
    return ("migrations", "ok", f"all {len(wanted)} applied", "")


async def _row(dsn: str, name: str) -> Any:
    import asyncpg

    connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
    try:
        return await connection.fetchrow(_query(name))
    finally:
        await connection.close()


def _query(name: str) -> str:
    return (QUERIES / name).read_text("utf-8")


async def _redis(url: str) -> list[Finding]:
    if not url:
        return [("redis", "skipped", "embedded; it starts with `chatsmart up`", "")]
    from shared.adapters.redis.inspect import inspect

    return [(one.name, one.status, one.what, one.advice) for one in await inspect(url)]
