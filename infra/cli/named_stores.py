"""The stores that settings name, tried before anything is started: a wrong one is told with its setting and address.

Nothing here ever shows a password: of an address only host and port are told, and a driver's own words only where they
come from the server.
"""

import asyncio
from urllib.parse import parse_qs, urlsplit

from infra.cli.trouble import Trouble
from shared.config import Settings
from shared.core.faults import Unavailable

CONNECT_SECONDS = 5.0


async def answering(settings: Settings) -> None:
    """Raises Trouble for the first of DATABASE_ADMIN_URL, DATABASE_URL and REDIS_URL that is set and can't be used."""
    if settings.database_url and settings.database_admin_url:
        await postgres("DATABASE_ADMIN_URL", settings.database_admin_url)
    if settings.database_url:
        # The first migration makes the app's role: until then its login may be refused.
        await postgres("DATABASE_URL", settings.database_url, login=not settings.database_admin_url)
    if settings.redis_url:
        await redis(settings.redis_url)


async def postgres(name: str, dsn: str, *, login: bool = True) -> None:
    """Connect once. With `login` off a server that refuses the login will do. Raises Trouble."""
    import asyncpg

    where = _where(name, dsn, ("postgresql", "postgres"), 5432)
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, statement_cache_size=0)
        await connection.close()
    except asyncpg.PostgresError as error:
        if login or isinstance(error, asyncpg.CannotConnectNowError):
            raise Trouble(f"{name}: Postgres at {where} refuses: {error}.") from None
    except (OSError, asyncpg.InterfaceError) as error:
        raise _absent(name, "Postgres", where, error) from None
    except ValueError:
        raise _unreadable(name, "postgresql") from None


async def redis(url: str) -> None:
    """Ask once. Raises Trouble."""
    from shared.adapters.redis.address import SCHEMES, BadAddress
    from shared.adapters.redis.connection import RedisConnection
    from shared.adapters.redis.troubles import chain

    where = _where("REDIS_URL", url, SCHEMES, 6379)
    try:
        connection = RedisConnection(url)
    except BadAddress as bad:
        raise Trouble(str(bad), code=2) from None
    except ValueError:
        raise _unreadable("REDIS_URL", "redis") from None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await connection.ready()
    except (Unavailable, TimeoutError) as error:
        if any(
            isinstance(one, (TimeoutError, ConnectionRefusedError, FileNotFoundError)) for one in chain(error)
        ):
            raise _absent("REDIS_URL", "Redis", where, error) from None
        raise Trouble(f"REDIS_URL: at {where}: {error}") from None
    finally:
        await connection.close()


def _where(name: str, url: str, schemes: tuple[str, ...], port: int) -> str:
    """Host and port for people. Raises Trouble for a text that is no such address."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in schemes:
            raise _unreadable(name, schemes[0])
        host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
        if parts.scheme == "unix" or host.startswith("/"):
            return host or parts.path
        return f"{host or 'localhost'}:{parts.port or port}"
    except ValueError:
        raise _unreadable(name, schemes[0]) from None


def _unreadable(name: str, scheme: str) -> Trouble:
    return Trouble(f"{name} is no address: it must look like {scheme}://user:password@host:port/…", code=2)


def _absent(name: str, what: str, where: str, error: Exception) -> Trouble:
    told: BaseException | None = error
    reason = type(error).__name__
    while told is not None:
        if isinstance(told, TimeoutError):
            reason = f"no answer within {CONNECT_SECONDS:.0f} seconds"
            break
        if isinstance(told, OSError) and told.strerror and "Connect call failed" not in told.strerror:
            reason = told.strerror
            break
        if isinstance(told, ConnectionRefusedError):
            reason = "Connection refused"
            break
        told = told.__cause__ or told.__context__
    return Trouble(
        f"{name}: no {what} can be reached at {where} ({reason}).\n"
        f"Correct {name}, or leave it out: `chatsmart up` then runs its own."
    )
