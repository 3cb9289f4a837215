"""What redaction costs, what it finds and what it touches: JSON lines on stdout.

`python -m tests.benchmarks.bench_redact`. Times are processor time of one core. `prose` has an identifier about every
400 bytes; `dense` is the corpus, in which every line of some 55 bytes has one.
"""

import json
from collections.abc import Callable
from time import process_time

from shared.guard.redact.engine import ALL, find, redact
from shared.guard.redact.names import Names
from shared.guard.redact.stream import StreamRedactor
from tests.redact_lines.clean import clean
from tests.redact_lines.lines import lines
from tests.unit.test_redact_figures import FIXED, LEAST, covered

CLEAN = (
    "Write three paragraphs on how bees find their way home, in plain words for young readers, and end it."
)
PROSE = (
    "The first flights are short. A young bee leaves the hive in the afternoon, turns around to face it, and hovers; "
    "by 2023 some 40 groups had filmed this. She learns what stands near the entrance: a tree, a stone, the colour of "
    "the neighbours. Later she counts landmarks, reads the sun and, when clouds hide it, the polarised sky. Write to "
    "anna@example.org for the data. "
)


def tell(name: str, value: float, unit: str, **bounds: float) -> None:
    """One figure."""
    print(json.dumps({"bench": "redact", "name": name, "value": round(value, 4), "unit": unit, **bounds}))


def cost(work: Callable[[], object], times: int) -> float:
    """Seconds that one call takes, the best of five rounds."""
    rounds = []
    for _ in range(5):
        begun = process_time()
        for _ in range(times):
            work()
        rounds.append((process_time() - begun) / times)
    return min(rounds)


def kib(text: str) -> float:
    """The size of a text in UTF-8."""
    return len(text.encode()) / 1024


def streamed(text: str) -> None:
    """A text in pieces of four signs."""
    redactor = StreamRedactor(ALL, Names())
    for place in range(0, len(text), 4):
        redactor.feed(text[place : place + 4])
    redactor.flush()


def main() -> None:
    """All figures, in some ten seconds."""
    long, dense = PROSE * 40, [line.text for line in lines()]
    tell("redact.clean_100_bytes", cost(lambda: redact(CLEAN, ALL, Names()), 5000) * 1e6, "µs", limit=15)
    tell("redact.prose", cost(lambda: find(long), 20) / kib(long) * 1e3, "ms/KiB", limit=0.3)
    tell(
        "redact.dense", cost(lambda: [find(text) for text in dense], 1) / kib("".join(dense)) * 1e3, "ms/KiB"
    )
    tell("redact.stream_piece", cost(lambda: streamed(PROSE), 20) / (len(PROSE) / 4) * 1e6, "µs", limit=60)
    for type_ in sorted({line.type for line in lines()}):
        mine = [covered(line) for line in lines() if line.type == type_]
        tell(f"redact.recall[{type_}]", sum(mine) / len(mine), "of 1", at_least=LEAST.get(type_, FIXED))
    tell("redact.clean_touched", sum(1 for text in clean() if find(text)) / len(clean()), "of 1", limit=0.01)


if __name__ == "__main__":
    main()
