"""What `chatsmart doctor` finds out about Postgres: reachable, encrypted, migrated, and met as a plain role."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.cli.finding import Finding
from infra.cli.named_stores import postgres as reach
from infra.cli.trouble import Trouble
from shared.adapters.postgres.address import local, may_keep_statements, pooled

SECONDS = 5.0
QUERIES = Path(__file__).parent / "queries"
_LOOPBACK = {"", "127.0.0.1", "localhost", "::1"}
_ENFORCED = ("require", "verify-ca", "verify-full")


async def postgres_checks(app: str, admin: str) -> list[Finding]:
    """Findings on the database that the app's address names, and with the administrator's on what is in it."""
    if not app:
        return [Finding("postgres", "skipped", "embedded; it starts with `chatsmart up`")]
    import asyncpg

    try:
        await reach("DATABASE_URL", app)
        role = (await _rows(app, "role.sql"))[0]
    except Trouble as trouble:
        return [Finding("postgres", "failed", str(trouble).partition("\n")[0], _unreached(str(trouble)))]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        said = f"does not answer: {str(error) or type(error).__name__}"
        return [Finding("postgres", "failed", said, _unreached(said))]
    found = [Finding("postgres", "ok", f"version {role['version']}"), _role(role), _vector(role)]
    if not local(app):
        found += [pooler_finding(app, admin), await _encrypted(app)]
    return found + await _inside(admin)


def _unreached(said: str) -> str:
    if "refuses" in said and ("password" in said or "role" in said):
        return "Check user and password in DATABASE_URL: `chatsmart migrate` gives chatsmart_app the one that is there."
    return "Check DATABASE_URL, or restart `chatsmart up`."


def _role(role: Any) -> Finding:
    name = f"'{role['name']}'"
    if role["unbound"]:
        through = ", ".join(one for one in role["unbound"] if one != role["name"])
        advice = "Let DATABASE_URL name chatsmart_app: this one passes row-level security by."
        return Finding(
            "role",
            "failed",
            f"{name} sees every tenant's rows{f' (as {through})' if through else ''}",
            advice,
        )
    if not role["member"]:
        return Finding(
            "role",
            "failed",
            f"{name} may not act for tenants",
            "Let DATABASE_URL name chatsmart_app, and migrate.",
        )
    return Finding("role", "ok", f"{name} is bound by row-level security")


def _vector(role: Any) -> Finding:
    if not role["vector"]:
        advice = "Run `chatsmart migrate`; where the server lacks pgvector, install it."
        return Finding("vector", "failed", "the extension is not there", advice)
    return Finding("vector", "ok", f"pgvector {role['vector']}")


def pooler_finding(app: str, admin: str) -> Finding:
    """The port against what works there: the app keeps nothing in a session, the administrator does."""
    if admin and pooled(admin):
        advice = "Name port 5432 in DATABASE_ADMIN_URL: migrations and deploys hold locks in a session."
        return Finding(
            "pooler", "failed", "DATABASE_ADMIN_URL is a pooler of transactions (port 6543)", advice
        )
    if pooled(app):
        return Finding("pooler", "ok", "of transactions (port 6543), and no prepared statement is kept")
    if (urlsplit(app).hostname or "").endswith(".pooler.supabase.com"):
        advice = (
            "Name port 6543 in DATABASE_URL: else each container holds the few connections of the pooler."
        )
        return Finding("pooler", "failed", "DATABASE_URL is a pooler of sessions (port 5432)", advice)
    if not may_keep_statements(app):
        return Finding("pooler", "ok", "one is named, and no prepared statement is kept")
    if (urlsplit(app).hostname or "").endswith(".supabase.co"):
        advice = "For containers that come and go take the pooler's address, port 6543: this one is IPv6 only, and few."
        return Finding("pooler", "ok", "none: the database's own address", advice)
    return Finding("pooler", "ok", "none: the address names no pooler")


async def _encrypted(app: str) -> Finding:
    import asyncpg

    parts = urlsplit(app)
    if (parts.hostname or "") in _LOOPBACK:
        return Finding("tls", "ok", "not needed: the address is this machine's")
    mode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
    if mode in _ENFORCED:
        return Finding("tls", "ok", f"sslmode={mode}")
    try:
        connection = await asyncpg.connect(app, timeout=SECONDS, statement_cache_size=0, ssl="require")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return Finding(
            "tls", "failed", "the server speaks no TLS", "Switch it on there; passwords travel in the open."
        )
    await connection.close()
    advice = "Add ?sslmode=require to DATABASE_URL, or whoever stands between can have plain text instead."
    return Finding(
        "tls", "failed" if mode == "disable" else "ok", f"spoken, not insisted on (sslmode={mode})", advice
    )


async def _inside(admin: str) -> list[Finding]:
    if not admin:
        return [Finding("migrations", "skipped", "DATABASE_ADMIN_URL is not set")]
    import asyncpg

    try:
        migrations = await _migrations(admin)
        if migrations.status != "ok":
            return [migrations]
        hook = (await _rows(admin, "hook.sql"))[0]
        stopped = [_stopped(row) for row in await _rows(admin, "stops.sql")]
        warned = await _rows(admin, "lints.sql")
        if hook["storage"]:
            warned = [*warned, *await _rows(admin, "lints_storage.sql")]
    except ValueError:
        return [Finding("migrations", "failed", "DATABASE_ADMIN_URL is no address", "Correct it.")]
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        found = f"can't be read: {str(error) or type(error).__name__}"
        return [Finding("migrations", "failed", found, "Check DATABASE_ADMIN_URL.")]
    return [migrations, _policies(warned), _hook(hook), *stopped]


def _stopped(row: Any) -> Finding:
    """An operator's doing, and no fault of the installation; but it is why readers get a 503."""
    what = "everything that costs money" if row["scope"] == "all" else "our own models"
    found = f"{what}, by {row['by_actor']} since {row['at']:%Y-%m-%d %H:%M} UTC: {row['reason']}"
    verb = "chatsmart start" if row["scope"] == "all" else f"chatsmart start {row['scope']}"
    return Finding("stopped", "ok", found, f"`{verb}` lets it go on.")


async def _migrations(admin: str) -> Finding:
    from infra.migrate import found as files

    wanted = {migration.version: migration for migration in files()}
    applied = {row["version"] for row in await _records(admin, "applied.sql")}
    sums = {row["version"]: row["sha256"] for row in await _records(admin, "checksums.sql")}
    missing = [one.path.name for version, one in wanted.items() if version not in applied]
    if missing:
        found = f"{len(missing)} not applied, first {missing[0]}"
        return Finding("migrations", "failed", found, "Run `chatsmart migrate`.")
    edited = [
        one.path.name for version, one in wanted.items() if sums.get(version, one.checksum) != one.checksum
    ]
    if edited:
        advice = "Put the file back as it was (git log shows when) and write the change as a new migration."
        return Finding("migrations", "failed", f"changed after it was applied: {', '.join(edited)}", advice)
    strange = sorted(applied - set(wanted))
    if strange:
        advice = "The database is newer than this checkout: take the newer one, or the file that is gone."
        return Finding("migrations", "failed", f"applied, and no file: {', '.join(strange)}", advice)
    return Finding("migrations", "ok", f"all {len(wanted)} applied, none changed since")


def _policies(warned: Sequence[Any]) -> Finding:
    if warned:
        first = "; ".join(f"{row['lint']}: {row['name']}" for row in warned[:3])
        more = f" and {len(warned) - 3} more" if len(warned) > 3 else ""
        advice = (
            "Somebody may see what is not theirs. What was changed by hand must go back, or into a migration."
        )
        return Finding("policies", "failed", first + more, advice)
    return Finding("policies", "ok", "nothing that Supabase's advisor would warn of")


def _hook(hook: Any) -> Finding:
    if not hook["present"]:
        return Finding(
            "token hook", "failed", "app.access_token_hook is not there", "Run `chatsmart migrate`."
        )
    if not hook["auth"]:
        advice = "Give supabase_auth_admin usage of schema app, and execute of app.access_token_hook(jsonb)."
        return Finding("token hook", "failed", "Auth may not call it", advice)
    if hook["others"]:
        advice = "Take execute of app.access_token_hook(jsonb) from them: it tells who is in which tenant."
        return Finding("token hook", "failed", f"callable by {', '.join(hook['others'])}", advice)
    return Finding("token hook", "ok", "there, for Auth alone (that Auth calls it shows only in a token)")


async def _records(dsn: str, name: str) -> Sequence[Any]:
    """Rows of the migrations' own records; none where nobody has migrated yet."""
    import asyncpg

    try:
        return await _rows(dsn, name)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return []


async def _rows(dsn: str, name: str) -> Sequence[Any]:
    import asyncpg

    connection = await asyncpg.connect(dsn, timeout=SECONDS, statement_cache_size=0)
    try:
        # read in one transaction: behind a pooler the driver's two halves of a query may else part
        async with connection.transaction(readonly=True):
            return await connection.fetch((QUERIES / name).read_text("utf-8"))
    finally:
        await connection.close()
