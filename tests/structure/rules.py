"""The house rules that no linter of the shelf knows, each a function from a source to what offends in it."""

import ast
import re
from collections.abc import Iterator

from tests.structure.tree import PRODUCT, Source

FILE_LINES = 500
FUNCTION_LINES = 80
MAGNETS = {"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "services", "misc"}
"""Names that say nothing and so attract everything."""

ENVIRONMENT_READERS = {
    "shared/config.py": "the settings",
    "shared/adapters/embedded/account.py": "who stands behind sudo is a fact of the process, not a setting",
    "shared/adapters/embedded/servers.py": "the servers get a PATH, and nothing else of the environment",
}
LOG_WRITERS = {"shared/runtime/journal.py"}
"""Everything else that must be in the log goes with the document: `Shelf.put(document, entries)`."""

SQL_HOLDERS = {
    "infra/migrate.py": "the migrator's own bookkeeping comes before any file of SQL",
    "infra/local.py": "a database's name can't be a parameter of the statement that makes it",
}

_SQL = re.compile(
    r"""\s*(?:
        (?-i:select|SELECT)\b[^;]*\bfrom\s+[\w.]+\s*(?:$|;|,|(?:where|join|left|order|group|limit|for|as)\b)
      | insert\s+into\s+\w
      | update\s+[\w.]+\s+(?:as\s+\w+\s+)?set\s
      | delete\s+from\s+\w
      | (?:create|drop|alter)\s+(?:or\s+replace\s+)?(?:unlogged\s+|unique\s+)?
        (?:table|index|role|schema|extension|function|policy|database|view|trigger|type)\s
      | (?:grant|revoke)\s+[\w,\s]+\s+on\s
      | with\s+\w+\s+as\s*\(
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def functions(src: Source) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length in lines of every function, nested ones too."""
    for node in src.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def too_long(src: Source) -> list[str]:
    """Files over 500 lines and functions over 80."""
    found = []
    lines = src.text.count("\n") + 1
    if lines > FILE_LINES:
        found.append(f"{src.path}: {lines} lines; split it (at most {FILE_LINES})")
    for name, line, length in functions(src):
        if length > FUNCTION_LINES:
            found.append(f"{src.path}:{line}: {name} has {length} lines (at most {FUNCTION_LINES})")
    return found


def badly_named(src: Source) -> list[str]:
    """Modules and packages whose name is a magnet."""
    parts = [part.removesuffix(".py") for part in src.path.split("/")]
    return [f"{src.path}: '{part}' says nothing; name the thing" for part in parts if part in MAGNETS]


def undocumented(src: Source) -> list[str]:
    """Modules without a docstring."""
    return [] if ast.get_docstring(src.tree) else [f"{src.path}: say what this module is for, in a docstring"]


def relative_imports(src: Source) -> list[str]:
    """`from . import x`: a module is called by its full name."""
    return [
        f"{src.path}:{node.lineno}: relative import"
        for node in src.nodes
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def mocks(src: Source) -> list[str]:
    """`unittest.mock` and its pytest twin: a fake is written, never patched in."""
    found = []
    for node in src.nodes:
        names: list[str] = []
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        found += [
            f"{src.path}:{line}: {name}; write a fake in shared/fakes"
            for name in names
            if name.startswith(("unittest.mock", "pytest_mock")) or name == "mocker"
        ]
    return found


def environment_reads(src: Source) -> list[str]:
    """Settings read outside shared/config.py. infra and tests may hand the whole environment to a subprocess."""
    if src.path in ENVIRONMENT_READERS or src.package == "tests" or "env" not in src.text:
        return []
    parents = {child: parent for parent in src.nodes for child in ast.iter_child_nodes(parent)}
    found = []
    for node in src.nodes:
        read = _imports_environment(node) or _of_os(node, {"getenv", "getenvb", "putenv"})
        if not read and _of_os(node, {"environ", "environb"}):
            parent = parents[node]
            peeked = isinstance(parent, ast.Attribute) and parent.attr != "copy"
            read = src.package != "infra" or peeked or isinstance(parent, ast.Subscript)
        if read:
            found.append(f"{src.path}:{getattr(node, 'lineno', 1)}: settings come from shared/config.py")
    return found


def _of_os(node: ast.AST, names: set[str]) -> bool:
    """Whether `node` is `os.` and one of `names`."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in names
    )


def _imports_environment(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "os"
        and any(alias.name in {"environ", "environb", "getenv"} for alias in node.names)
    )


def sql_text(src: Source) -> list[str]:
    """SQL in Python strings: it lives in *.sql, named and commented, where a reviewer reads it as SQL."""
    if src.package not in PRODUCT or src.path in SQL_HOLDERS:
        return []
    prose = {id(node.value) for node in src.nodes if isinstance(node, ast.Expr)}
    return [
        f"{src.path}:{node.lineno}: SQL belongs in a .sql file: {node.value.strip()[:50]!r}"
        for node in src.nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in prose
        and _SQL.match(node.value)
    ]


def stray_log_writes(src: Source) -> list[str]:
    """`await ….append(…)` is the call log's verb (a list's is never awaited): only the
    runtime's journal writes the log. A log that wraps another one forwards from its own `append`."""
    if src.package not in PRODUCT or src.path in LOG_WRITERS or src.path.startswith("shared/fakes/"):
        return []
    forwards = {
        id(inner)
        for outer in src.nodes
        if isinstance(outer, ast.AsyncFunctionDef) and outer.name == "append"
        for inner in ast.walk(outer)
    }
    return [
        f"{src.path}:{node.lineno}: only {', '.join(sorted(LOG_WRITERS))} writes the call log"
        for node in src.nodes
        if isinstance(node, ast.Await)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "append"
        and id(node) not in forwards
    ]


ALL = (
    too_long,
    badly_named,
    undocumented,
    relative_imports,
    mocks,
    environment_reads,
    sql_text,
    stray_log_writes,
)
