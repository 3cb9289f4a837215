"""How a Postgres that went away, or is not there yet, shows itself: what was asked may be asked again."""

import asyncpg

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    # what asyncpg makes of a connection on which the server's farewell arrived while it lay in the pool
    asyncpg.InternalClientError,
    OSError,  # TimeoutError among them
)
