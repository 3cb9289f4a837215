"""Whether the environment's stores answer, from here, with the addresses that its containers will use."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from infra.deploying.stopped import Stopped

_SECONDS = 8.0
_QUERIES = Path(__file__).parent / "queries"
_REDIS = ("rediss", "redis", "unix", "rediss+cluster", "redis+cluster")


async def postgres(name: str, dsn: str, *, login: bool = True) -> str:
    """Connect once; the server's version. With `login` off a refused login will do: the first migration makes the app's
    role. Raises Stopped naming the setting and the host, never the password."""
    where = _where(name, dsn, ("postgresql", "postgres"), 5432)
    try:
        connection = await asyncpg.connect(dsn, timeout=_SECONDS, statement_cache_size=0)
    except asyncpg.InvalidAuthorizationSpecificationError as error:  # a wrong password is one of these
        if not login:
            return ""
        raise Stopped(f"{name}: Postgres at {where} refuses the login: {error}.") from None
    except asyncpg.PostgresError as error:
        raise Stopped(f"{name}: Postgres at {where} refuses: {error}.") from None
    except (OSError, asyncpg.InterfaceError) as error:
        raise Stopped(f"{name}: Postgres at {where} can't be reached: {_reason(error)}.") from None
    try:
        return str(await connection.fetchval("show server_version"))
    finally:
        await connection.close()


async def environment(admin: str) -> str:
    """Whose database it is, as the first deploy wrote down; empty before that. Raises what asyncpg does."""
    connection = await asyncpg.connect(admin, timeout=_SECONDS, statement_cache_size=0)
    try:
        return str(await connection.fetchval(_sql("environment")))
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return ""
    finally:
        await connection.close()


async def claim(admin: str, name: str) -> None:
    """Write down whose database it is, once. Raises what asyncpg does."""
    connection = await asyncpg.connect(admin, timeout=_SECONDS, statement_cache_size=0)
    try:
        await connection.execute(_sql("environment_table"))
        await connection.execute(_sql("claim"), name)
    finally:
        await connection.close()


async def redis(url: str) -> str:
    """Ask it what the app will ask of it, cluster and certificate included; its version. Raises Stopped."""
    from shared.adapters.redis.inspect import inspect

    if not url:
        raise Stopped("REDIS_URL is empty.", code=2)
    where = _where("REDIS_URL", url, _REDIS, 6379)
    found = await inspect(url)
    for one in found:
        if one.status == "failed":
            raise Stopped(f"REDIS_URL, {where}: {one.what.rstrip('.')}.")
    return found[0].what


def _sql(name: str) -> str:
    return (_QUERIES / f"{name}.sql").read_text("utf-8")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_SECONDS:.0f} seconds"
    return getattr(error, "strerror", None) or str(error).rstrip(".") or type(error).__name__


def _where(name: str, url: str, schemes: tuple[str, ...], port: int) -> str:
    """Host and port for people. Raises Stopped for a text that is no such address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or parse_qs(parts.query).get("host", [""])[0] or parts.path
        if parts.scheme in schemes and host:
            return host if host.startswith("/") else f"{host}:{parts.port or port}"
    except ValueError:
        pass
    raise Stopped(f"{name} is no address: it must look like {schemes[0]}://user:password@host:port/…", code=2)
