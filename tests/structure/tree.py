"""The source tree as the structure rules see it: each file once, parsed once."""

import ast
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("shared", "functions", "gpu", "infra")
_SKIPPED = {".git", ".venv", ".chatsmart", "__pycache__", "node_modules", "build", "dist"}


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root (with `/`), its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree: walked once for all rules."""
        return tuple(ast.walk(self.tree))

    @property
    def package(self) -> str:
        """The top-level folder."""
        return self.path.split("/", 1)[0]


def source(path: str, text: str) -> Source:
    """A source from its text: what the rules' own tests feed them."""
    return Source(path, text, ast.parse(text, path))


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project: what git tracks or would track; without git, what lies there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _SKIPPED & set(path.relative_to(ROOT).parts)]
    return tuple(sorted(path for path in found if path.is_file()))


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file of the product and of the tests."""
    found = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py" and name.split("/", 1)[0] in (*PRODUCT, "tests"):
            found.append(source(name, path.read_text("utf-8")))
    return tuple(found)
