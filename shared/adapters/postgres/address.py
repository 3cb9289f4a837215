"""What an address of Postgres says about what answers there."""

import re
from urllib.parse import parse_qs, urlsplit

_PORT = re.compile(r"[:=]6543(?=[/,?&#]|$)")
"""The port at which Supabase's poolers give each transaction a connection of its own."""
_POOLER = re.compile(r"(^|[.@-])(pooler|pgbouncer|supavisor)[.:-]|[:=]6432(?=[/,?&#]|$)", re.IGNORECASE)


def _place(dsn: str) -> tuple[str, str]:
    parts = urlsplit(dsn)
    return parts.netloc.rpartition("@")[2], parts.query


def pooled(dsn: str) -> bool:
    """Whether it names the port of Supabase's transaction pooler."""
    return any(_PORT.search(part) for part in _place(dsn))


def may_keep_statements(dsn: str) -> bool:
    """Whether prepared statements are sure to be found again: nothing named a pooler stands between, in whatever mode
    it works."""
    return not pooled(dsn) and not any(_POOLER.search(part) for part in _place(dsn))


def local(dsn: str) -> bool:
    """Whether it is a unix socket: the server itself, unless the name says otherwise."""
    return parse_qs(urlsplit(dsn).query).get("host", [""])[0].startswith("/")
