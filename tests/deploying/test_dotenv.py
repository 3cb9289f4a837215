"""The settings file of an environment."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.deploying.dotenv import parsed, read
from infra.deploying.stopped import Stopped

TEXT = """
# the stores
DATABASE_URL=postgresql://app:p%40ss@db:5432/x   # pooled
export REDIS_URL = rediss://r
HASH=a#b
SINGLE='a "b" $c # d'   # a note
DOUBLE="a 'b'\\n\\"c\\""
EMPTY=
HASH=later
"""


def test_a_file_is_read_as_a_shell_reads_it() -> None:
    """Quotes, notes, `export` and repeated names mean what they mean in a shell."""
    assert parsed(TEXT, "x") == {
        "DATABASE_URL": "postgresql://app:p%40ss@db:5432/x",
        "REDIS_URL": "rediss://r",
        "HASH": "later",
        "SINGLE": 'a "b" $c # d',
        "DOUBLE": "a 'b'\n\"c\"",
        "EMPTY": "",
    }


@pytest.mark.parametrize("line", ["hunter2", "A='hunter2", 'A="hunter2', "1A=hunter2", "A B=hunter2"])
def test_a_line_that_is_none_is_told_by_its_number_alone(line: str) -> None:
    """What stands in a line is never repeated: it may be a secret."""
    with pytest.raises(Stopped) as stopped:
        parsed(f"GOOD=1\n{line}\n", ".env.staging")
    assert ".env.staging, line 2" in str(stopped.value)
    assert "hunter2" not in str(stopped.value)


@pytest.mark.parametrize("line", ["A=x$(id)hunter2", 'A="a${B}hunter2"', "A=`hunter2`", "A=a#b$hunter2"])
def test_what_a_shell_would_expand_is_refused(line: str) -> None:
    """The same file is read by us and by a shell: a value can't mean two things, and is not repeated."""
    with pytest.raises(Stopped, match=r"x, line 1: .*single quotes") as stopped:
        parsed(line, "x")
    assert "hunter2" not in str(stopped.value)
    assert parsed(r'A="a\$b" # $c', "x") == {"A": "a$b"}


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="'\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00"))
)
def test_any_value_on_one_line_survives_single_quotes(value: str) -> None:
    """What stands in single quotes is the value, whatever it is."""
    assert parsed(f"NAME='{value}'", "x") == {"NAME": value}


def test_a_file_that_is_not_there_is_told_with_the_remedy(tmp_path: Path) -> None:
    """Whoever deploys for the first time is sent to the page that shows one."""
    with pytest.raises(Stopped, match=r"docs/deploy\.md"):
        read(tmp_path / ".env.staging")
