"""A policy comes with the caller, is remembered as long as the key is, and binds at once where it was changed."""

import asyncio
from datetime import datetime

import pytest

from functions.web.principal import REMEMBERED_SECONDS, Principals
from functions.web.supabase_token import SupabaseTokens
from shared.core.faults import UnreadablePolicy
from shared.core.ids import TenantId
from shared.core.rules import NO_RULES, Rules
from shared.core.tenant import Principal
from shared.ports.rules import Edition
from tests.unit.test_web_principal import ISSUER, Published, scope, signed
from tests.unit.web_engine import KEY, NOW, OTHER, OTHER_KEY, TENANT, Engine, HandClock, MemoryKeys


def edition(version: int) -> Edition:
    return Edition(Rules(version, providers=frozenset({"llama"})), NOW, "test")


async def versions(principals: Principals, *credentials: str) -> list[int]:
    return [(await principals.of(scope(f"Bearer {one}"))).rules.version for one in credentials]


async def test_a_policy_is_remembered_with_its_key_and_forgotten_with_its_tenant() -> None:
    """Another process's change is seen after two seconds, one's own at once."""
    engine = Engine()
    principals: Principals = engine.app.state.principals
    assert await versions(principals, KEY, OTHER_KEY) == [0, 0]
    for tenant in (TENANT, OTHER):
        await engine.keys.book.add(tenant, edition(1))
    assert await versions(principals, KEY, OTHER_KEY) == [0, 0]
    principals.forget_tenant(TENANT)
    assert await versions(principals, KEY, OTHER_KEY) == [1, 0]
    engine.clock.seconds += REMEMBERED_SECONDS + 0.1
    assert await versions(principals, KEY, OTHER_KEY) == [1, 1]


async def test_a_person_has_the_policy_of_their_tenant() -> None:
    """A token holds none: it is looked up, and remembered as long."""
    keys, clock = MemoryKeys(), HandClock()
    principals = Principals(keys, clock, SupabaseTokens(Published(), ISSUER, clock))
    token = signed()
    assert await versions(principals, token) == [0]
    await keys.book.add(TENANT, edition(1))
    assert await versions(principals, token) == [0]
    principals.forget_tenant(TENANT)
    assert await versions(principals, token) == [1]
    await keys.book.add(TENANT, edition(2))
    clock.seconds += REMEMBERED_SECONDS + 0.1
    assert await versions(principals, token) == [2]


class Slow(MemoryKeys):
    """Reads at once and answers when it is told to."""

    go: asyncio.Event

    async def principal(self, digest: bytes, at: datetime) -> Principal | None:
        found = await super().principal(digest, at)
        await self.go.wait()
        return found

    async def rules(self, tenant: TenantId) -> Rules:
        found = await super().rules(tenant)
        await self.go.wait()
        return found


@pytest.mark.parametrize("person", [False, True])
async def test_a_look_up_under_way_does_not_bring_the_old_policy_back(person: bool) -> None:
    """What was read before a change is neither remembered after it nor given to who comes after it."""
    keys, clock = Slow(Engine().keys.rows), HandClock()
    keys.go = asyncio.Event()
    principals = Principals(keys, clock, SupabaseTokens(Published(), ISSUER, clock))
    credential = signed() if person else KEY
    early = asyncio.create_task(versions(principals, credential))
    await asyncio.sleep(0.01)
    await keys.book.add(TENANT, edition(1))
    principals.forget_tenant(TENANT)
    late = asyncio.create_task(versions(principals, credential))
    await asyncio.sleep(0.01)
    keys.go.set()
    assert await early == [0]
    assert await late == [1]
    assert await versions(principals, credential) == [1]


async def test_a_policy_that_is_not_understood_is_no_policy_less() -> None:
    """The caller is not let in without it, and the next look-up asks again."""

    class Newer(MemoryKeys):
        async def principal(self, digest: bytes, at: datetime) -> Principal | None:
            await super().principal(digest, at)
            if self.asked == 1:
                raise UnreadablePolicy
            return await super().principal(digest, at)

    principals = Principals(Newer(Engine().keys.rows), HandClock())
    with pytest.raises(UnreadablePolicy):
        await principals.of(scope(f"Bearer {KEY}"))
    assert (await principals.of(scope(f"Bearer {KEY}"))).rules == NO_RULES
