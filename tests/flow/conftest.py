"""Fixtures of whole requests."""

from collections.abc import AsyncIterator

import pytest

from tests.flow.house import House, opened
from tests.stores import Addresses


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """The whole product, with a fresh tenant."""
    async with opened(addresses) as found:
        yield found
