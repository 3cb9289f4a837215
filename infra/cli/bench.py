"""`chatsmart bench`: every benchmark in its own process, JSON lines on stdout, news on stderr."""

import json
import subprocess
import sys
import time
from pathlib import Path

from infra.cli.screen import say
from infra.cli.trouble import Trouble

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"
SECONDS = 180
"""A short form that runs longer than this is not one."""


def names() -> list[str]:
    """The benchmarks: modules `bench_*.py` of tests/benchmarks, without the prefix."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def bench(asked: list[str]) -> None:
    """Run them. Each prints JSON lines `{"name", "value", "unit", …}`, with `limit` (or `at_least`) and `ratio` (value
    over limit or over what it is compared with) where there are such. Raises Trouble where one fails or a figure
    misses its limit."""
    known = names()
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise Trouble(f"There is no benchmark '{unknown[0]}'; there are: {', '.join(known)}.", code=2)
    failed = [name for name in known if (not asked or name in asked) and not _run(name)]
    if failed:
        raise Trouble(f"Failed, or over a limit: {', '.join(failed)}.")


def _run(name: str) -> bool:
    say(f"bench {name} …")
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"tests.benchmarks.bench_{name}"],
            cwd=FOLDER.parents[1],
            stdout=subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        say(f"bench {name}: no end after {SECONDS} s")
        return False
    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    say(f"bench {name}: {time.monotonic() - begun:.1f} s")
    return done.returncode == 0 and all(_within(line) for line in done.stdout.splitlines())


def _within(line: str) -> bool:
    """Whether a figure keeps its limit. Raises nothing: a line that is no JSON object is a failure."""
    try:
        figure = json.loads(line)
        value = float(figure["value"])
        return value <= float(figure.get("limit", value)) and value >= float(figure.get("at_least", value))
    except (ValueError, TypeError, KeyError):
        return False
