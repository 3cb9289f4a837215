"""What the gateway adds to a provider's own answer: authentication, budget, call log, adapters, failover, all on.

    python -m tests.benchmarks.bench_gateway

A loopback provider answers at once; the same requests go to it directly and through `/v1/chat/completions`, in one
run. The gateway process is held to one core, the provider and the load generator to the other. JSON lines: latencies
in milliseconds, CPU seconds of the gateway process per 1,000 requests.
"""

import json
import os
import tempfile
from pathlib import Path

import psutil
import uvloop

from tests.benchmarks.load import Tally, Target, closed_loop, paced, percentile
from tests.flow.started import started

QUESTION = "Describe in about fifty words how a lighthouse lens gathers and throws its light over the sea."
TOKENS = 64
SECONDS = 3.0


def targets(url: str, key: str, provider: str, *, stream: bool) -> tuple[Target, Target]:
    """The same question to the provider and to the gateway."""
    message = {
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": stream,
        "max_completion_tokens": TOKENS,
    }
    direct = json.dumps({"model": "gpt-6-luna", **message}).encode()
    own = json.dumps({"model": "gpt-6-luna", **message}).encode()
    auth = (("authorization", f"Bearer {key}"),)
    return (
        Target(f"{provider}/openai/v1/chat/completions", (("authorization", "Bearer simulated"),), direct),
        Target(f"{url}/v1/chat/completions", auth, own),
    )


def tell(name: str, value: float, unit: str, direct: float | None = None) -> None:
    """One figure; `direct` is the same without the gateway, in the same run."""
    figure: dict[str, object] = {"bench": "gateway", "name": name, "value": round(value, 3), "unit": unit}
    if direct is not None:
        figure |= {
            "direct": round(direct, 3),
            "added": round(value - direct, 3),
            "ratio": round(value / direct, 2),
        }
    print(json.dumps(figure), flush=True)


def cpu(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(url: str, key: str, provider: str, gateway: psutil.Process) -> None:
    """All figures."""
    for stream in (False, True):
        kind = f"stream of {TOKENS} tokens" if stream else "answer"
        direct, own = targets(url, key, provider, stream=stream)
        for target in (direct, own):
            await closed_loop(target, 4, 0.5)
        plain, added = [await paced(target, 50, SECONDS) for target in (direct, own)]
        for share in (0.5, 0.99):
            name = f"{kind} at 50 a second, p{round(share * 100)} to the first byte"
            tell(name, *_pair(added, plain, share))
        before = cpu(gateway)
        busy = await closed_loop(own, 16, SECONDS)
        spent = cpu(gateway) - before
        free = await closed_loop(direct, 16, SECONDS)
        tell(
            f"{kind}, busy, a second on one core", len(busy.whole) / SECONDS, "1/s", len(free.whole) / SECONDS
        )
        tell(f"{kind}, busy, CPU of the gateway", spent / len(busy.whole) * 1000, "s per 1,000")
    tell("resident after load", gateway.memory_info().rss / 1e6, "MB")


def _pair(added: Tally, plain: Tally, share: float) -> tuple[float, str, float]:
    return percentile(added.first, share) * 1000, "ms", percentile(plain.first, share) * 1000


def main() -> None:
    """Start everything, hold it to its cores, measure, stop."""
    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="cs-bench-") as folder,
        started(Path(folder) / "home", SIM_TTFT_MS="0", CHATSMART_MONTH_CAP_MICROS=str(10**12)) as running,
    ):
        gateway = psutil.Process(running.process.pid)
        simulator = next(c for c in gateway.children() if "infra.simulator" in " ".join(c.cmdline()))
        gateway.cpu_affinity(cores[:1])
        for other in (simulator, psutil.Process()):
            other.cpu_affinity(cores[-1:])
        port = next(c.laddr.port for c in simulator.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
        uvloop.run(measure(running.url, running.key, f"http://127.0.0.1:{port}", gateway))
        psutil.Process().cpu_affinity(cores)


if __name__ == "__main__":
    main()
