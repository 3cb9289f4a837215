"""What the join costs, and how often it is clean: JSON lines on stdout.

`python -m tests.benchmarks.bench_splice`. Times are processor time of one core; rates are over every cut of the texts
of the laws, in parts of one, for each thing that models do at a seam. `at_least` and `limit` are what is asked for.
"""

import json
from collections.abc import Callable
from time import process_time

from shared.models.splice import Seam, Unfinished, joined
from tests.laws.splice_texts import ALL, CHINESE, PROSE
from tests.laws.test_splice import SAID, behind_words, cuts, good

LONG = (PROSE * 60)[:20_000]
MICRO, MILLI = 1e6, 1e3
LEAST = {"exact": 1.0, "echo": 1.0, "last 8": 1.0, "remark, last 5": 1.0, "remark, echo": 1.0, "last 3": 0.98}
"""Shares of the cuts behind a word, which are the live path's."""


def report(name: str, value: float, unit: str, **bounds: float) -> None:
    """One figure."""
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, **bounds}))


def cost(work: Callable[[], object], times: int) -> float:
    """Seconds that one call takes, the best of three rounds."""
    rounds = []
    for _ in range(3):
        begun = process_time()
        for _ in range(times):
            work()
        rounds.append((process_time() - begun) / times)
    return min(rounds)


def main() -> None:
    """All figures, in some twenty seconds."""
    seam = Seam("One two ")
    seam.feed("three four ")
    report("splice.feed_decided", cost(lambda: seam.feed(" word"), 200_000) * MICRO, "µs", limit=0.3)
    for name, word in {"latin": " word", "cyrillic": " слово", "han": "茶会"}.items():
        held = Unfinished()
        held.feed("It")
        piece = word
        report(f"splice.unfinished_{name}", cost(lambda: held.feed(piece), 50_000) * MICRO, "µs", limit=2.5)  # noqa: B023
    tail = " ".join(LONG.split()[-8:])
    tried = {
        "goes_on": (LONG, "and so it goes on and on until the end."),
        "last_8": (LONG, tail + " and so it goes on."),
        "remark": (LONG, "Sure, here is the rest:\n\nand so it goes on."),
        "chinese": ((CHINESE * 200)[:20_000], "所以，如果想喝热茶，就要盖上杯盖。"),
    }
    for name, (sent, rest) in tried.items():
        report(f"splice.joined_20kB_{name}", cost(lambda: joined(sent, rest), 4) * MILLI, "ms", limit=12)  # noqa: B023
    report(
        "splice.joined_20kB_from_the_top",
        cost(lambda: joined(LONG, LONG + " And so."), 2) * MILLI,
        "ms",
        limit=60,
    )
    for style in SAID:
        live = [good(text, style, cut) for text in ALL.values() for cut in behind_words(text)]
        bounds = {"at_least": LEAST[style]} if style in LEAST else {}
        report(f"splice.clean_behind_words[{style}]", sum(live) / len(live), "of 1", **bounds)
        every = [good(text, style, cut) for text in ALL.values() for cut in cuts(text)]
        report(f"splice.clean_anywhere[{style}]", sum(every) / len(every), "of 1")


if __name__ == "__main__":
    main()
