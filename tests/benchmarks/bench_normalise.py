"""What the canonical form costs, by what a prompt is written in: JSON lines on stdout.

`python -m tests.benchmarks.bench_normalise`. Microseconds of processor time per KiB of UTF-8, or per prompt.
"""

import json
from collections.abc import Callable
from time import process_time

from shared.core.ids import TenantId
from shared.core.prompt import ask
from shared.recall.fingerprint import Fingerprinter, canonical_prompt, key_parts
from shared.recall.normalise import normalise

ENGLISH = "A gateway that hides a failure is worse than the failure, because the reader trusts a text. "
PERSIAN = (
    "این یک متن فارسی است که در آن نیم\u200cفاصله\u200cها مهم\u200cاند و نامه\u200cای نوشته می\u200cشود. "
)
MARKDOWN = """# Why tea cools

Heat flows to the air, "quickly" at first; see `cool(t)` below, and café tables:

```python
def cool(t: float) -> float:
    return  t - 1.0  # not  prose
```

- one reason
  - and a smaller one
"""
TEXTS = {
    "ascii": ENGLISH * 11,
    "ascii_lines": "\n".join([ENGLISH.strip()] * 11),
    "ascii_two_spaces": ENGLISH.replace(", ", ",  ") * 11,
    "markdown_with_code": MARKDOWN * 4,
    "typographic": "It’s “quoted” — naïve café prose, and so it goes on… " * 20,
    "persian": PERSIAN * 8,
    "chinese": "如果想喝热茶\u3001就要盖上杯盖。这是一个测试。" * 16,
    "decomposed": "cafe\u0301 nai\u0308ve re\u0301sume\u0301 and so it goes on. " * 20,
    "invisible": "wa\u200bter and\xa0tea\u2060 are not the same. " * 24,
}
LIMITS = {"ascii": 20.0, "ascii_lines": 20.0}


def cost(work: Callable[[], object], times: int = 500) -> float:
    """Microseconds of one call, the best of five rounds."""
    rounds = []
    for _ in range(5):
        begun = process_time()
        for _ in range(times):
            work()
        rounds.append((process_time() - begun) / times)
    return min(rounds) * 1e6


def report(name: str, value: float, unit: str, limit: float | None = None) -> None:
    """One figure."""
    figure: dict[str, object] = {"name": f"normalise.{name}", "value": round(value, 2), "unit": unit}
    if limit is not None:
        figure |= {"limit": limit, "ratio": round(value / limit, 3)}
    print(json.dumps(figure), flush=True)


def main() -> None:
    """All figures, in some seconds."""
    for name, text in TEXTS.items():
        text = text.strip()
        whole = cost(lambda: normalise(text))  # noqa: B023
        report(name, whole / (len(text.encode()) / 1024), "µs per KiB", LIMITS.get(name))
    short = ask(ENGLISH.strip()[:100])
    report("prompt_of_100_bytes", cost(lambda: canonical_prompt(short), 20_000), "µs", 5.0)
    house, tenant = Fingerprinter(bytes(32)), TenantId("tnt_bench")
    report(
        "key_of_100_bytes", cost(lambda: house.key(tenant, key_parts(short, "auto", "p")), 10_000), "µs", 20.0
    )


if __name__ == "__main__":
    main()
