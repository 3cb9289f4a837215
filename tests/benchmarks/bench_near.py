"""What a near hit costs: JSON lines on stdout. `python -m tests.benchmarks.bench_near`. Milliseconds."""

import json
from collections.abc import Callable
from itertools import cycle
from time import perf_counter

from shared.adapters.embedding.minilm import MiniLM
from shared.recall.near.content import content, content_key
from shared.recall.near.paraphrase import plainly
from shared.recall.near.verify import verdict
from tests.near_pairs.pairs import paraphrases, sentences, typos

LIMITS = {"embedding.p95": 25.0, "verdict.p95": 2.0, "content_key.p95": 2.0}


def measure(name: str, work: Callable[[], object], times: int) -> None:
    """Median and 95th percentile."""
    took = []
    for _ in range(times):
        content.cache_clear()
        plainly.cache_clear()
        begun = perf_counter()
        work()
        took.append((perf_counter() - begun) * 1e3)
    took.sort()
    for part, value in (("p50", took[times // 2]), ("p95", took[times * 95 // 100])):
        row: dict[str, object] = {"name": f"near.{name}.{part}", "value": round(value, 4), "unit": "ms"}
        limit = LIMITS.get(f"{name}.{part}")
        if limit is not None:
            row |= {"limit": limit, "ratio": round(value / limit, 3)}
        print(json.dumps(row), flush=True)


def main() -> None:
    """All figures, in some seconds."""
    model = MiniLM()
    begun = perf_counter()
    model.vectors(["warm"])
    load = {"name": "near.load", "value": round((perf_counter() - begun) * 1e3, 1), "unit": "ms"}
    print(json.dumps(load), flush=True)
    pairs = cycle([*typos("dev", 100), *paraphrases("dev")])
    texts = cycle(sentences("dev"))

    def compare() -> None:
        pair = next(pairs)
        verdict(pair.a, pair.b, 0.9)

    measure("verdict", compare, 2_000)
    measure("content_key", lambda: content_key(next(texts)), 2_000)
    measure("embedding", lambda: model.vectors([next(texts)]), 200)


if __name__ == "__main__":
    main()
