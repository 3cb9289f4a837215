"""What tests of idempotency keys share: requests, and a look at the rows behind them."""

import asyncio
from typing import Any

import asyncpg
import httpx

from tests.flow.house import House
from tests.stores import Addresses

CHAT = "/v1/chat/completions"
HELLO: dict[str, Any] = {
    "model": "gpt-6-luna",
    "messages": [{"role": "user", "content": "Say something about tea."}],
}
BRIEF: dict[str, Any] = {"pipeline": "product_description", "brief": "A steel kettle of 1.7 litres."}


def key(name: str = "k-1") -> dict[str, str]:
    """The header."""
    return {"idempotency-key": name}


def replayed(answer: httpx.Response) -> bool:
    """Whether an answer says that it was given before."""
    return bool(answer.headers.get("idempotency-replayed") == "true")


async def called(house: House) -> None:
    """Wait until a provider has been asked."""
    async with asyncio.timeout(5):
        while not house.simulator.calls():  # noqa: ASYNC110  # the simulator tells nobody of a call
            await asyncio.sleep(0.01)


async def lapse(addresses: Addresses, house: House) -> None:
    """Let the leases of the tenant's keys be over, as they are a minute after a process was killed."""
    connection = await asyncpg.connect(addresses.admin)
    await connection.execute(
        "update idempotency_keys set lease_until = now() - interval '1 second' where tenant_id = $1",
        house.tenant,
    )
    await connection.close()


async def rows(addresses: Addresses, house: House) -> int:
    """How many keys the tenant has."""
    connection = await asyncpg.connect(addresses.admin)
    found = await connection.fetchval(
        "select count(*) from idempotency_keys where tenant_id = $1", house.tenant
    )
    await connection.close()
    return int(found)
