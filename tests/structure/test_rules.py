"""Every source keeps every house rule, and every rule can fail."""

from collections.abc import Callable
from statistics import median, quantiles

import pytest

from tests.structure import rules
from tests.structure.tree import PRODUCT, Source, source, sources

Rule = Callable[[Source], list[str]]

LONG_FUNCTION = "def long() -> None:\n" + "    pass\n" * 80
BROKEN: list[tuple[Rule, str, str]] = [
    (rules.too_long, "shared/core/big.py", "x = 1\n" * 501),
    (rules.too_long, "shared/core/deep.py", LONG_FUNCTION),
    (rules.badly_named, "shared/core/utils.py", ""),
    (rules.badly_named, "shared/common/money.py", ""),
    (rules.undocumented, "shared/core/mute.py", "x = 1\n"),
    (rules.relative_imports, "shared/core/near.py", "from . import money\n"),
    (rules.mocks, "tests/unit/test_x.py", "from unittest.mock import patch\n"),
    (rules.mocks, "tests/unit/test_x.py", "from unittest import mock\n"),
    (rules.mocks, "tests/unit/test_x.py", "def test_x(mocker: object) -> None: ...\n"),
    (rules.environment_reads, "shared/core/x.py", "import os\nos.environ['A']\n"),
    (rules.environment_reads, "functions/x.py", "import os\ndict(os.environ)\n"),
    (rules.environment_reads, "infra/x.py", "import os\nos.environ.get('A')\n"),
    (rules.environment_reads, "infra/x.py", "import os\nos.environ['A'] = 'b'\n"),
    (rules.environment_reads, "infra/x.py", "import os\nos.getenv('A')\n"),
    (rules.environment_reads, "shared/x.py", "from os import environ\n"),
    (rules.sql_text, "shared/x.py", "q = 'SELECT id FROM runs WHERE x = 1'\n"),
    (rules.sql_text, "shared/x.py", "q = 'insert into runs values (1)'\n"),
    (rules.sql_text, "infra/x.py", "q = f'''\n  update runs set a = {x}'''\n"),
    (rules.sql_text, "infra/x.py", "q = 'create table t (id int)'\n"),
    (rules.stray_log_writes, "shared/models/x.py", "async def f(log):\n    await log.append(())\n"),
]
KEPT: list[tuple[Rule, str, str]] = [
    (rules.too_long, "shared/core/big.py", "x = 1\n" * 499),
    (rules.environment_reads, "infra/x.py", "import os\nenv = {**os.environ, 'A': 'b'}\n"),
    (rules.environment_reads, "shared/config.py", "import os\nos.environ['A']\n"),
    (rules.sql_text, "shared/x.py", "'''Select one from the list of models.'''\n"),
    (rules.sql_text, "shared/x.py", "x = 'Select the model from those that answer.'\n"),
    (rules.sql_text, "tests/unit/x.py", "q = 'delete from runs'\n"),
    (rules.stray_log_writes, "shared/models/x.py", "found = []\nfound.append(1)\n"),
    (rules.stray_log_writes, "shared/runtime/journal.py", "async def f(log):\n    await log.append(())\n"),
]


def _name(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize("rule", rules.ALL, ids=_name)
def test_every_source_keeps_the_rule(rule: Rule) -> None:
    """No source offends."""
    found = [line for src in sources() for line in rule(src)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(("rule", "path", "text"), BROKEN)
def test_a_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    """A source that breaks a rule is named."""
    assert [line for line in rule(source(path, text)) if line.startswith(path)]


@pytest.mark.parametrize(("rule", "path", "text"), KEPT)
def test_a_rule_lets_the_rest_be(rule: Rule, path: str, text: str) -> None:
    """A source that keeps a rule is left in peace."""
    assert rule(source(path, text)) == []


def test_every_rule_is_shown_broken() -> None:
    """Each rule has an example that it refuses."""
    assert {rule for rule, _, _ in BROKEN} == set(rules.ALL)


def test_functions_stay_small() -> None:
    """95 of 100 functions of the product have at most 40 lines."""
    lengths = [n for src in sources() if src.package in PRODUCT for _, _, n in rules.functions(src)]
    assert quantiles(lengths, n=20)[-1] <= 40


def test_files_stay_small() -> None:
    """Half of the product's modules have at most 150 lines."""
    assert median(src.text.count("\n") for src in sources() if src.package in PRODUCT) <= 150
