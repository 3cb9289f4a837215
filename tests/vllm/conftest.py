"""One server for all of these tests, made anew after a test that ended it. Collected by `make test-vllm` alone."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from infra.vllm_cpu.tiny_llama import make
from shared.adapters.llm.client import Client, open_client
from tests.vllm.asking import Asking
from tests.vllm.served import Address, Pool

if not os.environ.get("CHATSMART_TEST_VLLM"):
    collect_ignore_glob = ["test_*.py"]


class Pools:
    """The pool that runs, if one does."""

    def __init__(self, weights: Path, folder: Path) -> None:
        self._weights, self._folder = weights, folder
        self._count = 0
        self._pool: Pool | None = None
        self.starts: list[float] = []

    def running(self) -> Pool:
        """The one that runs; started where none does."""
        if self._pool is None or not self._pool.engine.healthy():
            self.close()
            self._count += 1
            self._pool = Pool(self._weights, self._folder / str(self._count))
            self.starts.append(self._pool.address.seconds)
        return self._pool

    def close(self) -> None:
        """End it."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model."""
    return make(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def pools(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pools]:
    """What keeps the pool between tests."""
    made = Pools(weights, tmp_path_factory.mktemp("pools"))
    yield made
    made.close()


@pytest.fixture
def pool(pools: Pools) -> Pool:
    """A pool that is ready. A test may end it."""
    return pools.running()


@pytest.fixture
def address(pool: Pool) -> Address:
    """Where it answers."""
    return pool.address


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """The adapter's connections."""
    async with open_client() as opened:
        yield opened


@pytest.fixture
def asking(client: Client, address: Address) -> Asking:
    """The product's adapter on the pool."""
    return Asking.at(client, address)
