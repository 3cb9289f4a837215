"""What every `ports.idempotency.Idempotency` promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from shared.adapters.postgres.database import Database
from shared.adapters.postgres.idempotency import PostgresIdempotency
from shared.core.faults import Unavailable
from shared.core.ids import TenantId
from shared.fakes.idempotency import MemoryIdempotency
from shared.ports.idempotency import KEPT, LEASE, Claim, Idempotency, Keyed
from tests.contract.samples import AT, run
from tests.stores import Addresses, Stores

TICK = timedelta(microseconds=1)


@pytest.fixture(params=["postgres", "memory"])
def keys(request: pytest.FixtureRequest) -> Idempotency:
    if request.param == "memory":
        return MemoryIdempotency()
    stores: Stores = request.getfixturevalue("stores")
    return PostgresIdempotency(stores.database)


def asked(tenant: TenantId, key: str = "k-1", body: bytes = b"{}", where: str = "POST /v1/x") -> Keyed:
    return Keyed(tenant, where, key, sha256(body).digest())


async def test_the_first_to_claim_has_the_key(keys: Idempotency, tenant: TenantId) -> None:
    """Whoever comes later is told who has it, under which body and until when."""
    one = asked(tenant)
    assert await keys.claim(one, run(1), AT) == Claim(True, run(1), one.fingerprint, AT + LEASE)
    other = asked(tenant, body=b"[]")
    assert await keys.claim(other, run(2), AT + TICK) == Claim(False, run(1), one.fingerprint, AT + LEASE)


async def test_of_many_at_once_one_has_the_key(keys: Idempotency, tenant: TenantId) -> None:
    """However they interleave, and the others name it."""
    one = asked(tenant)
    claims = await asyncio.gather(*(keys.claim(one, run(number), AT) for number in range(20)))
    winners = [claim.holder for claim in claims if claim.mine]
    assert len(winners) == 1
    assert {claim.holder for claim in claims} == set(winners)


async def test_a_key_is_its_tenants_and_its_paths(
    keys: Idempotency, tenant: TenantId, other_tenant: TenantId
) -> None:
    """The same key of another tenant, on another path, or another key, is another key."""
    places = (
        asked(tenant),
        asked(other_tenant),
        asked(tenant, where="POST /v1/y"),
        asked(tenant, key="k-2"),
        asked(tenant, where="POST /v1/" + "y" * 60_000),
        asked(tenant, where="POST /v1/\x00\udcff"),
    )
    for number, place in enumerate(places):
        assert (await keys.claim(place, run(number), AT)).mine
    await keys.free(asked(other_tenant), run(1))
    assert not (await keys.claim(asked(tenant), run(9), AT)).mine


async def test_a_freed_key_is_as_new(keys: Idempotency, tenant: TenantId) -> None:
    """Also for another body; and only its holder frees it."""
    await keys.claim(asked(tenant), run(1), AT)
    await keys.free(asked(tenant), run(2))
    assert not (await keys.claim(asked(tenant), run(3), AT)).mine
    await keys.free(asked(tenant), run(1))
    assert (await keys.claim(asked(tenant, body=b"other"), run(3), AT)).mine


async def test_what_was_kept_is_given_to_whoever_asks_again(keys: Idempotency, tenant: TenantId) -> None:
    """To the byte, an empty answer too; and only its holder's."""
    answer = bytes(range(256)) * 10
    await keys.claim(asked(tenant), run(1), AT)
    assert not await keys.keep(asked(tenant), run(2), b"forged")
    assert (await keys.claim(asked(tenant), run(3), AT)).answer is None
    assert await keys.keep(asked(tenant), run(1), answer)
    assert (await keys.claim(asked(tenant), run(3), AT)).answer == answer
    assert await keys.keep(asked(tenant), run(1), b"")
    assert (await keys.claim(asked(tenant), run(3), AT)).answer == b""


async def test_a_lease_moves_as_its_holder_works(keys: Idempotency, tenant: TenantId) -> None:
    """Nobody else moves it."""
    later = AT + timedelta(seconds=20)
    await keys.claim(asked(tenant), run(1), AT)
    assert not await keys.extend(asked(tenant), run(2), later)
    assert await keys.extend(asked(tenant), run(1), later)
    assert (await keys.claim(asked(tenant), run(3), later)).lease_until == later + LEASE


async def test_one_follows_a_holder_as_it_was_seen(keys: Idempotency, tenant: TenantId) -> None:
    """Of many who saw it alike, one; and the one that was replaced has no say any longer."""
    await keys.claim(asked(tenant), run(1), AT)
    seen = await keys.claim(asked(tenant), run(2), AT)
    many = [keys.claim(asked(tenant), run(number), AT + LEASE, seen) for number in range(10, 20)]
    took = [claim for claim in await asyncio.gather(*many) if claim.mine]
    assert len(took) == 1
    assert took[0].lease_until == AT + 2 * LEASE
    assert not await keys.keep(asked(tenant), run(1), b"late")
    assert not await keys.extend(asked(tenant), run(1), AT)
    await keys.free(asked(tenant), run(1))
    assert (await keys.claim(asked(tenant), run(3), AT)).holder == took[0].holder


async def test_a_holder_that_moved_is_not_followed(keys: Idempotency, tenant: TenantId) -> None:
    """One that lives after all, one that has answered, and one that was asked something else stay."""
    await keys.claim(asked(tenant), run(1), AT)
    seen = await keys.claim(asked(tenant), run(2), AT)
    assert not (await keys.claim(asked(tenant, body=b"other"), run(2), AT, seen)).mine
    await keys.extend(asked(tenant), run(1), AT + TICK)
    assert not (await keys.claim(asked(tenant), run(2), AT, seen)).mine
    seen = await keys.claim(asked(tenant), run(2), AT)
    await keys.keep(asked(tenant), run(1), b"done")
    assert not (await keys.claim(asked(tenant), run(2), AT, seen)).mine
    assert (await keys.claim(asked(tenant), run(2), AT, replace(seen, answer=b"done"))).answer == b"done"


async def test_a_key_stands_for_a_day(keys: Idempotency, tenant: TenantId) -> None:
    """To the microsecond, counted from the claim; then it is as new, and what was kept is gone."""
    await keys.claim(asked(tenant), run(1), AT)
    await keys.keep(asked(tenant), run(1), b"done")
    await keys.extend(asked(tenant), run(1), AT + timedelta(hours=23))
    assert not (await keys.claim(asked(tenant), run(2), AT + KEPT - TICK)).mine
    fresh = await keys.claim(asked(tenant, body=b"other"), run(3), AT + KEPT)
    assert (fresh.mine, fresh.holder, fresh.answer) == (True, run(3), None)


async def test_keys_that_are_over_are_forgotten(
    keys: Idempotency, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Of all tenants, so many at a time, and none before its day is over."""
    old = AT - timedelta(days=4000)
    for number in range(3):
        await keys.claim(asked((tenant, other_tenant)[number % 2], f"old {number}"), run(number), old)
    await keys.claim(asked(tenant, "new"), run(9), old + TICK)
    assert await keys.expire(old + KEPT - TICK, 10) == 0
    assert await keys.expire(old + KEPT, 2) == 2
    assert await keys.expire(old + KEPT, 10) == 1
    assert not (await keys.claim(asked(tenant, "new"), run(8), old)).mine


async def test_no_key_is_given_out_while_the_store_is_away(addresses: Addresses, tenant: TenantId) -> None:
    """A key that can't be claimed is a fault, never a free one."""
    database = await Database.open(addresses.app)
    away = PostgresIdempotency(database)
    await database.close()
    with pytest.raises(Unavailable):
        await away.claim(asked(tenant), run(), AT)
    with pytest.raises(Unavailable):
        await away.keep(asked(tenant), run(), b"")
    with pytest.raises(Unavailable):
        await away.expire(AT, 1)
