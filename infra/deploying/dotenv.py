"""One environment's settings file, `.env.staging` or `.env.production`: lines of NAME=VALUE, as a shell reads them.

No message here holds a value: the file is full of secrets.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from infra.deploying.stopped import Stopped

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_SINGLE = re.compile(r"'(?P<inner>[^']*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'"(?P<inner>(?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_EXPANDED = re.compile(r"(?<!\\)[$`]")
"""What means one thing to us and another to a shell that reads the file."""
_ESCAPES: Mapping[str, str] = {"n": "\n", '"': '"', "\\": "\\", "$": "$"}


def read(path: Path) -> Mapping[str, str]:
    """The file's settings. Raises Stopped naming the file and the line, never what stands in it."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise Stopped(
            f"{path} is not there: it holds what this environment is deployed with (docs/deploy.md shows one), or name "
            "another with --env-file.",
            code=2,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Stopped(
            f"{path} can't be read: {getattr(error, 'strerror', '') or 'it is no UTF-8'}."
        ) from None
    return parsed(text, str(path))


def parsed(text: str, name: str) -> Mapping[str, str]:
    """The settings in `text`; a later line replaces an earlier one of the same name. Raises Stopped."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is not None and _expands(match["value"]):
            raise Stopped(
                f"{name}, line {number}: a shell would expand the $ or ` in {match['name']}: put the value in single "
                "quotes.",
                code=2,
            )
        value = None if match is None else _value(match["value"])
        if match is None or value is None:
            raise Stopped(f"{name}, line {number}: this is no NAME=VALUE.", code=2)
        found[match["name"]] = value
    return found


def _value(text: str) -> str | None:
    """What is meant; None for a quote that is not closed."""
    if text.startswith("'"):
        match = _SINGLE.fullmatch(text)
        return None if match is None else match["inner"]
    if text.startswith('"'):
        match = _DOUBLE.fullmatch(text)
        return None if match is None else re.sub(r"\\(.)", _unescaped, match["inner"])
    return re.split(r"\s#", f" {text}", maxsplit=1)[0].strip()


def _expands(text: str) -> bool:
    if text.startswith("'"):
        return False
    quoted = _DOUBLE.fullmatch(text)
    return bool(_EXPANDED.search(quoted["inner"] if quoted else re.split(r"\s#", f" {text}", maxsplit=1)[0]))


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])
