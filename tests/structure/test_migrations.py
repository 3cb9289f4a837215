"""Every table of every migration is behind forced row-level security, or says why not."""

import re

import pytest

from tests.structure.tree import ROOT

MIGRATIONS = sorted((ROOT / "infra" / "supabase" / "migrations").glob("*.sql"))
EXEMPT: dict[str, str] = {}
"""Tables without row-level security, each with the reason."""

_TABLE = re.compile(
    r"create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?((?:\w+\.)?[\w%]+)(\s+partition\s+of)?",
    re.IGNORECASE,
)


def bare(sql: str) -> str:
    """`sql` without its comments."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", "", sql, flags=re.DOTALL)


def unprotected(sql: str) -> list[str]:
    """Tables that `sql` makes without enabling and forcing row-level security on them."""
    text = bare(sql)
    found = []
    for name, _ in _TABLE.findall(text):
        short = name.split(".")[-1]
        if short in EXEMPT:
            continue
        for verb in ("enable", "force"):
            done = rf"alter\s+table\s+(?:only\s+)?(?:\w+\.)?{re.escape(short)}\s+[^;]*{verb}\s+row\s+level\s+security"
            if not re.search(done, text, re.IGNORECASE):
                found.append(f"{name}: row-level security is not {verb}d")
    return found


@pytest.mark.skipif(not MIGRATIONS, reason="no migration yet")
def test_every_table_is_behind_row_level_security() -> None:
    """A table's policy stands beside the table, in the same migration."""
    found = [f"{path.name}: {line}" for path in MIGRATIONS for line in unprotected(path.read_text("utf-8"))]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.skipif(not MIGRATIONS, reason="no migration yet")
def test_an_exemption_names_a_table_that_exists() -> None:
    """The list of exemptions holds nothing that is gone."""
    made = {
        name.split(".")[-1]
        for path in MIGRATIONS
        for name, _ in _TABLE.findall(bare(path.read_text("utf-8")))
    }
    assert set(EXEMPT) <= made


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.name)
def test_a_migration_is_named_as_the_supabase_cli_names_it(path: object) -> None:
    """Fourteen digits of a time, an underscore, a name."""
    assert re.search(r"/\d{14}_[a-z0-9_]+\.sql$", str(path))


def test_an_open_table_is_seen() -> None:
    """A table without both statements is named."""
    both = "alter table app.t enable row level security; alter table app.t force row level security;"
    assert len(unprotected("create table app.t (id int);")) == 2
    assert len(unprotected("create table app.t (id int); alter table app.t enable row level security;")) == 1
    assert unprotected("create table app.t (id int);" + both) == []
    assert len(unprotected("create table t (id int); -- alter table t enable row level security")) == 2
