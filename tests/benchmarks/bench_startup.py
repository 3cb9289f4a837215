"""How long a person waits: importing the web app, `chatsmart up` on a new and on an old home, and its end.

    python -m tests.benchmarks.bench_startup

JSON lines; seconds of wall clock. `limit` is the figure asked for, `ratio` the value over it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.flow.started import started

IMPORT = "import time; t = time.perf_counter(); import functions.web.app; print(time.perf_counter() - t)"
IMPORT_LIMIT, UP_LIMIT, STOP_LIMIT = 0.5, 8.0, 2.0


def imported() -> float:
    """Median seconds to import the web app in a fresh process."""
    runs = [
        subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
        for _ in range(5)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def tell(name: str, value: float, limit: float) -> None:
    """One figure."""
    figure = {"bench": "startup", "name": name, "value": round(value, 3), "unit": "s", "limit": limit}
    print(json.dumps({**figure, "ratio": round(value / limit, 3)}), flush=True)


def main() -> None:
    """Measure and print."""
    seconds = 0.0
    tell("import of the web app", imported(), IMPORT_LIMIT)
    with tempfile.TemporaryDirectory(prefix="cs-bench-") as folder:
        home = Path(folder) / "home"
        for name in ("up on a new home", "up on an old home"):
            with started(home) as running:
                tell(name, running.seconds, UP_LIMIT)
                seconds = running.stop()
        tell("end after Ctrl-C", seconds, STOP_LIMIT)


if __name__ == "__main__":
    main()
