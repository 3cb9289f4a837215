"""Every atomic step in Redis works in a cluster: its keys share a tag, and a script touches no key it is not given."""

import ast
import re
from pathlib import Path

import pytest

from shared.adapters.redis.needs import CLIENT, SCRIPTS

FOLDER = Path(__file__).parents[2] / "shared" / "adapters" / "redis"
FILES = sorted(FOLDER.glob("*.py"))
SEVERAL = {
    ("answers.py", "mget"), ("bus.py", "delete"), ("health.py", "delete"), ("connection.py", "exists"),
    ("connection.py", "xread"),
}  # fmt: skip
"""Where a command with several keys is sent. A new place is proved on a cluster first (`backed`, tests/conftest.py), or
leaves several servers aside, as `RedisConnection.pages` does."""
KEYED = {"mget", "mset", "delete", "exists", "xread", "unlink", "touch", "rename", "copy", "sunion", "zunion"}
SENDERS = {"commands", "_commands", "pipeline", "waiting"}
OTHERS = {"pipeline", "execute", "execute_command", "aclose", "info", "connection_pool", "delete"}
"""What a client has besides commands of one name; `delete` is DEL."""
_CALL = re.compile(r"redis\.call\('([A-Z]+)'(?:,\s*([^,)]+))?")
_ALIAS = re.compile(r"^local ([a-z, ]+) = ((?:KEYS\[\d+\](?:, )?)+)$", re.MULTILINE)


def texts(path: Path) -> list[str]:
    """Every string of a module that is, or is a part of, a script."""
    found = [
        node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
    ]
    return [text for text in found if isinstance(text, str) and ("redis.call(" in text or "KEYS[" in text)]


def wrong_in(scripts: list[str]) -> list[str]:
    """Calls of a command that is not known, and of keys that come from nowhere."""
    names = {"where"}  # a parameter, for one of the two hashes that count holds
    for text in scripts:
        for left, _ in _ALIAS.findall(text):
            names |= set(left.split(", "))
    wrong = []
    for text in scripts:
        for command, key in _CALL.findall(text):
            known = command in SCRIPTS
            given = command == "TIME" or key.startswith("KEYS[") or key in names
            if not (known and given and ".." not in key):
                wrong.append(f"{command} {key}")
    return wrong


def sent_in(tree: ast.AST) -> set[str]:
    """The names of what is called of a client."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in SENDERS:
                found.add(node.func.attr)
    return found


def untagged_in(tree: ast.AST) -> list[str]:
    """Keys that are made of parts and have no braces."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            if text.startswith(("cs:", ":flight:")) and not ("{" in text and "}" in text):
                found.append(text)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_scripts_touch_only_keys_they_are_given(path: Path) -> None:
    """By KEYS, or a name for one of them: none is built inside."""
    assert wrong_in(texts(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_keys_that_belong_together_have_a_tag(path: Path) -> None:
    """In braces: a cluster keeps them on one server."""
    tree = ast.parse(path.read_text("utf-8"))
    assert untagged_in(tree) == []
    sent = sent_in(tree)
    assert {(path.name, name) for name in sent & KEYED} <= SEVERAL
    assert {name for name in sent - OTHERS if name.upper() not in CLIENT} == set()


def test_the_rules_can_fail() -> None:
    """Each finds what it is there to find."""
    assert wrong_in(["redis.call('GET', 'a' .. ARGV[1])"])
    assert wrong_in(["redis.call('GET', other)"])
    assert wrong_in(["redis.call('KEYS', KEYS[1])"])
    assert wrong_in(["local one = KEYS[1]\nredis.call('GET', one)"]) == []
    assert untagged_in(ast.parse("f'cs:{tenant}:x'")) == ["cs::x"]
    assert sent_in(ast.parse("self._commands.mset(x)")) == {"mset"}
