"""The real vLLM on the CPU: as the pool's keeper starts it, and as somebody starts it on a laptop."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gpu.flags import Flags
from gpu.llamas import LLAMAS
from gpu.metrics import PoolMetrics, read
from gpu.process import Engine, Launch

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-vllm/bin/python"
LLAMA = LLAMAS["llama-3.1-8b"]
WINDOW = 8192
LONG = 6_000
"""Tokens of an answer that is not over, on any machine, when a test does something to it in its middle."""
SLOTS = 16
"""What the engine works on at once."""
READY_SECONDS = 240.0
DRAIN_SECONDS = 120
KEY = "a-key-of-the-laptop"
_ON_A_CPU = ("--dtype", "bfloat16", "--enforce-eager", "--host", "127.0.0.1")
"""What a CPU wants beside the flags of the pool. Compiling would double the start."""


def environment(**more: str) -> dict[str, str]:
    """What the process sees: nothing of ours but `more`, no downloads, one GiB of cache."""
    mine = ("CHATSMART_", "VLLM_", "LLAMA_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    # Bound to a core, its one thread would wait for whoever else is there.
    free = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}
    vllm = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
    return {**kept, **free, **vllm, **more}


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Address:
    """Where a server answers. `seconds` is what its start took, warm-up included where the keeper does one."""

    port: int
    key: str
    seconds: float

    @property
    def base_url(self) -> str:
        """As the adapter takes it, and LLAMA_BASE_URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def metrics(self) -> PoolMetrics:
        """What it tells of itself now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            return read(answer.read().decode())


class Pool:
    """The server as a container of the pool runs it: the pool's flags, its front, its keeper."""

    def __init__(self, weights: Path, folder: Path) -> None:
        """Start it, which takes half a minute. `folder` is for its state and its output."""
        port = free_port()
        flags = Flags(
            model=str(weights),
            served=LLAMA.served,
            context=WINDOW,
            at_once=SLOTS,
            drain=DRAIN_SECONDS,
            port=port,
        )
        folder.mkdir()
        launch = Launch(
            argv=(*flags.argv(str(PYTHON)), *_ON_A_CPU),
            cwd=ROOT,
            state=folder / "state",
            port=port,
            served=LLAMA.served,
            ready=READY_SECONDS,
            drain=DRAIN_SECONDS + 10.0,
            env=environment(CHATSMART_POOL_STATE=str(folder / "state")),
        )
        self._out = (folder / "output").open("w")
        self.engine = Engine(launch, self._out)
        try:
            seconds = self.engine.start()
        except BaseException:
            self._out.close()
            raise
        self.address = Address(port, "", seconds)

    def close(self) -> None:
        """End it, whatever it does."""
        self.engine.stop(patience=5.0)
        self._out.close()


@contextmanager
def laptop(weights: Path, folder: Path) -> "Iterator[tuple[Address, subprocess.Popen[bytes]]]":
    """`vllm serve` as its own documentation starts it: no front, no keeper, a key, no time to drain."""
    port = free_port()
    begun = time.monotonic()
    vllm = (str(PYTHON.with_name("vllm")), "serve", str(weights), "--served-model-name", LLAMA.served)
    size = (
        "--max-model-len",
        str(WINDOW),
        "--max-num-seqs",
        str(SLOTS),
        "--port",
        str(port),
        "--api-key",
        KEY,
    )
    with (folder / "output").open("wb") as out:
        process = subprocess.Popen(
            (*vllm, *size, *_ON_A_CPU),
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_health(process, port, folder / "output")
            yield Address(port, KEY, time.monotonic() - begun), process
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill it and what it started, at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def _await_health(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"vllm serve did not start:\n{output.read_text()[-3000:]}")
