"""The gateway's benchmark for other gateways, so that figures can be told as ratios of one day and one machine.

    python -m venv peers && peers/bin/pip install "litellm[proxy]"     in a folder of its own
    npm install --prefix peers @portkey-ai/gateway
    python -m tests.benchmarks.peers peers

The same loopback provider, load generator and cores as `bench_gateway.py`; one process of each peer, no database, no
log, no limits: less than what ours does meanwhile. JSON lines as there, with `peer`. Not part of `make bench`: neither
peer is among our dependencies.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import uvloop

from tests.benchmarks import upstream
from tests.benchmarks.bench_gateway import LENGTH, MODEL, QUESTION, cpu, provider
from tests.benchmarks.load import Tally, Target, closed_loop, paced, percentile

SECONDS = 4.0
START_SECONDS = 60.0
Headers = tuple[tuple[str, str], ...]


_KEY: Headers = (("authorization", "Bearer sk-bench"),)


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def litellm(folder: Path, place: Path, url: str, port: int) -> tuple[list[str], Headers]:
    """How LiteLLM's proxy is started, and what its callers send."""
    config = {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {"model": "openai/bench", "api_base": url, "api_key": "bench"},
            }
        ],
        "general_settings": {"master_key": "sk-bench"},
    }
    path = place / "litellm.yaml"
    path.write_text(json.dumps(config))
    binary = next(path for path in folder.rglob("litellm") if path.parent.name == "bin")
    return [str(binary), "--config", str(path), "--port", str(port), "--host", "127.0.0.1"], _KEY


def portkey(folder: Path, place: Path, url: str, port: int) -> tuple[list[str], Headers]:
    """How Portkey's gateway is started, and what its callers send."""
    script = next(folder.rglob("@portkey-ai/gateway/build/start-server.js"))
    headers = (
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", url),
        ("authorization", "Bearer bench"),
    )
    return ["node", str(script), f"--port={port}", "--headless"], headers


PEERS = {"litellm": litellm, "portkey": portkey}


@contextmanager
def serving(command: list[str], port: int, core: int) -> Iterator[psutil.Process]:
    """A peer that answers on its port, held to one core."""
    quiet = {**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet, start_new_session=True
    )
    found = psutil.Process(process.pid)
    found.cpu_affinity([core])
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{command[0]} does not serve") from None
                time.sleep(0.2)
        time.sleep(1.0)
        yield found
    finally:
        if process.poll() is None:
            for one in (*found.children(recursive=True), found):
                one.terminate()
        process.wait(timeout=10)


def tell(peer: str, name: str, value: float, unit: str) -> None:
    """One figure."""
    print(
        json.dumps({"bench": "peers", "peer": peer, "name": name, "value": round(value, 3), "unit": unit}),
        flush=True,
    )


def _target(url: str, headers: Headers, *, stream: bool, slowly: bool = False) -> Target:
    question = f"{QUESTION} {upstream.PACED.decode()}" if slowly else QUESTION
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": question}],
        "stream": stream,
        "max_completion_tokens": upstream.TOKENS,
    }
    return Target(f"{url}/v1/chat/completions", headers, json.dumps(body).encode())


async def measure(peer: str, url: str, direct: str, headers: Headers, process: psutil.Process) -> None:
    """All figures of one peer."""
    own, plain = (_target(at, headers, stream=False) for at in (url, direct))
    await closed_loop(own, 8, 2.0)
    calm, free = await paced(own, 50, SECONDS), await paced(plain, 50, SECONDS)
    tell(peer, "answer, 50 a second, p50 added to the first byte", _added(calm, free, 0.5), "ms")
    before = cpu(process, *process.children(recursive=True))
    busy = await closed_loop(own, 32, SECONDS)
    spent = cpu(process, *process.children(recursive=True)) - before
    tell(peer, "answer, busy, CPU of the gateway", spent / len(busy.whole) * 1000, "s per 1,000")
    tell(peer, "answer, busy, a second", len(busy.whole) / SECONDS, "1/s")
    own = _target(url, headers, stream=True)
    before = cpu(process, *process.children(recursive=True))
    busy = await closed_loop(own, 16, SECONDS)
    spent = cpu(process, *process.children(recursive=True)) - before
    tell(peer, "stream, burst, CPU of the gateway", spent / len(busy.whole) * 1000, "s per 1,000")
    for streams in (10, 100):
        own, plain = (_target(at, headers, stream=True, slowly=True) for at in (url, direct))
        free = await closed_loop(plain, streams, 2 * LENGTH, over=LENGTH)
        before = cpu(process, *process.children(recursive=True))
        busy = await closed_loop(own, streams, 4 * LENGTH, over=LENGTH)
        spent = cpu(process, *process.children(recursive=True)) - before
        name = f"stream, 20 ms apart, {streams} at once"
        for share in (0.5, 0.99):
            tell(
                peer,
                f"{name}, p{round(share * 100)} added to the first byte",
                _added(busy, free, share),
                "ms",
            )
        tell(peer, f"{name}, CPU of the gateway", spent / len(busy.whole) * 1000, "s per 1,000")
    resident = sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    tell(peer, "resident after load", resident / 1e6, "MB")


def _added(through: Tally, plain: Tally, share: float) -> float:
    return (percentile(through.first, share) - percentile(plain.first, share)) * 1000


def main() -> None:
    """Every peer that is installed in the folder named, one after the other."""
    folder = Path(sys.argv[1])
    cores = sorted(os.sched_getaffinity(0))
    for peer, how in PEERS.items():
        with ExitStack() as stack:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cs-peer-")))
            url, upstream_process = stack.enter_context(provider())
            port = _port()
            try:
                command, headers = how(folder, place, url, port)
            except StopIteration:
                print(f"{peer} is not installed in {folder}", file=sys.stderr)
                continue
            process = stack.enter_context(serving(command, port, cores[0]))
            for other in (upstream_process, psutil.Process()):
                other.cpu_affinity(cores[1:] or cores)
            at = f"http://127.0.0.1:{port}"
            try:
                uvloop.run(measure(peer, at, url.removesuffix("/v1"), headers, process))
            except RuntimeError as error:
                print(f"{peer} gave up: {str(error).splitlines()[0]}", file=sys.stderr)
            psutil.Process().cpu_affinity(cores)


if __name__ == "__main__":
    main()
