"""SQL by name, out of `queries/*.sql`: a block begins with `-- name: …`; its comments stay in the file."""

from collections.abc import Mapping
from importlib.resources import files


def load(file: str) -> Mapping[str, str]:
    """The statements of `queries/<file>.sql`."""
    text = (files(__package__) / "queries" / f"{file}.sql").read_text("utf-8")
    statements: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("-- name: "):
            current = statements.setdefault(line.removeprefix("-- name: ").strip(), [])
        elif line.strip() and not line.startswith("--"):
            current.append(line)
    return {name: "\n".join(lines) for name, lines in statements.items()}
