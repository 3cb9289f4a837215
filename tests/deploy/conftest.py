"""A plane for each test, and one for all on which everything is deployed."""

import asyncio
from collections.abc import Iterator

import pytest

from infra.simulator.modal import Plane
from tests.deploy.command import deploy, furnished

GPU = "L40S"


@pytest.fixture
def plane() -> Iterator[Plane]:
    """A plane with the secrets, and nothing deployed."""
    with furnished() as found:
        yield found


@pytest.fixture(scope="session")
def deployed() -> Iterator[Plane]:
    """A plane on which `modal deploy -m infra.deploy` has deployed everything, the pool on a GPU included."""
    with furnished() as found:
        ran = asyncio.run(deploy(found, CHATSMART_LLAMA_GPU=GPU))
        assert ran.code == 0, ran.said
        yield found


@pytest.fixture(scope="session")
def poolless() -> Iterator[Plane]:
    """A plane on which everything but the pool is deployed: its containers take the Llama tier's address from their
    secret."""
    with furnished() as found:
        ran = asyncio.run(deploy(found))
        assert ran.code == 0, ran.said
        yield found
