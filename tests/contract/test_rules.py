"""What every `ports.rules.RuleBook` promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import asyncpg
import pytest

from shared.core.faults import Conflict, NotYours, UnreadablePolicy
from shared.core.ids import KeyId, TenantId
from shared.core.rules import NO_RULES, OutputRules, Rules
from shared.fakes.keys import MemoryKeys
from shared.ports.keys import ApiKey, Keys
from shared.ports.rules import Edition, RuleBook
from tests.contract.samples import AT
from tests.stores import Stores

FULL = Rules(
    version=1,
    providers=frozenset({"openai", "llama"}),
    regions=frozenset({"own"}),
    models=frozenset({"gpt-6-luna"}),
    redact=frozenset({"EMAIL", "CARD"}),
    cache="exact",
    cache_seconds=60,
    bodies=False,
    when_refused="Say why not. \u00e9\U0001f375",
    when_over_budget="Be brief.",
    output=OutputRules(("Project Nimbus",), frozenset({"SECRET"}), "mask"),
    retention={"bodies": 30, "vault": 1},
    legal_hold=True,
)


@pytest.fixture
async def keys(made: Keys, tenant: TenantId, other_tenant: TenantId) -> Keys:
    await made.ensure_tenant(tenant, "One")
    await made.ensure_tenant(other_tenant, "Two")
    return made


@pytest.fixture(params=["postgres", "memory"])
def made(request: pytest.FixtureRequest) -> Keys:
    if request.param == "memory":
        return MemoryKeys()
    stores: Stores = request.getfixturevalue("stores")
    return stores.keys


@pytest.fixture
def book(keys: Keys) -> RuleBook:
    return keys.book


def edition(version: int, by: str = "key_1", **changes: object) -> Edition:
    rules = replace(FULL, version=version, **changes)  # type: ignore[arg-type]
    return Edition(rules, AT + timedelta(seconds=version), by)


async def test_a_tenant_without_a_policy_has_the_defaults(keys: Keys, tenant: TenantId) -> None:
    """Version 0, wherever it is asked for."""
    assert await keys.book.current(tenant) == NO_RULES
    assert await keys.rules(tenant) == NO_RULES
    assert await keys.book.history(tenant, None, 10) == ()


async def test_a_policy_comes_back_as_it_was_put(
    keys: Keys, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Every part of it, to its tenant alone."""
    await keys.book.add(tenant, edition(1))
    assert await keys.book.current(tenant) == FULL
    assert await keys.rules(tenant) == FULL
    assert await keys.book.history(tenant, None, 10) == (edition(1),)
    assert await keys.book.current(other_tenant) == NO_RULES
    assert await keys.book.history(other_tenant, None, 10) == ()


async def test_a_policy_comes_with_the_principal(
    keys: Keys, tenant: TenantId, other_tenant: TenantId
) -> None:
    """In the same look-up as the key; the next version with the next look-up."""
    digests = {one: sha256(one.encode()).digest() for one in (tenant, other_tenant)}
    for one, digest in digests.items():
        await keys.create(ApiKey(KeyId("key_1"), one, "k", "wxyz", frozenset({"member"}), AT), digest)
    seen = []
    for version in (0, 1, 2):
        if version:
            await keys.book.add(tenant, edition(version, cache_seconds=version))
        found = await keys.principal(digests[tenant], AT)
        assert found is not None
        seen.append((found.rules.version, found.rules.cache_seconds))
    assert seen == [(0, NO_RULES.cache_seconds), (1, 1), (2, 2)]
    other = await keys.principal(digests[other_tenant], AT)
    assert other is not None
    assert other.rules == NO_RULES


async def test_versions_are_added_one_by_one(book: RuleBook, tenant: TenantId) -> None:
    """Whoever read an older one is told so: nothing is overwritten and none is left out."""
    for wrong in (2, 0, -1):
        with pytest.raises(Conflict):
            await book.add(tenant, edition(wrong))
    await book.add(tenant, edition(1))
    for wrong in (1, 3):
        with pytest.raises(Conflict):
            await book.add(tenant, edition(wrong, by="late"))
    await book.add(tenant, edition(2))
    assert [one.rules.version for one in await book.history(tenant, None, 10)] == [2, 1]


async def test_of_many_at_once_one_comes_first(book: RuleBook, tenant: TenantId) -> None:
    """The others are told."""
    made = await asyncio.gather(
        *(book.add(tenant, edition(1, by=str(n))) for n in range(5)), return_exceptions=True
    )
    assert sum(one is None for one in made) == 1
    assert sum(isinstance(one, Conflict) for one in made) == 4
    assert len(await book.history(tenant, None, 10)) == 1


async def test_a_tenant_that_is_not_there_gets_no_policy(book: RuleBook) -> None:
    """And is not told of a conflict."""
    nobody = TenantId("00000000-0000-7000-8000-00000000dead")
    with pytest.raises(NotYours):
        await book.add(nobody, edition(1))
    assert await book.current(nobody) == NO_RULES


async def test_history_is_read_in_pages(book: RuleBook, tenant: TenantId) -> None:
    """Newest first, with who put it in force and when."""
    all_ = [edition(version, by=f"key_{version}") for version in (1, 2, 3)]
    for one in all_:
        await book.add(tenant, one)
    assert await book.history(tenant, None, 2) == (all_[2], all_[1])
    assert await book.history(tenant, 2, 2) == (all_[0],)
    assert await book.history(tenant, 1, 2) == ()


@pytest.mark.parametrize(
    "rules",
    [
        '{"telepathy": true}',
        '{"models": {"moods": []}}',
        '{"retention": {"dreams": 3}}',
        '{"redact": ["AURA"]}',
        '{"cache": {"tier": "psychic"}}',
        "[]",
    ],
)
async def test_a_policy_of_a_newer_release_opens_nothing(
    stores: Stores, admin: "asyncpg.Connection[asyncpg.Record]", tenant: TenantId, rules: str
) -> None:
    """Neither key nor book takes it for one that says less; an older version that is understood does not come back."""
    keys, digest = stores.keys, sha256(tenant.encode()).digest()
    await keys.ensure_tenant(tenant, "One")
    await keys.create(ApiKey(KeyId("key_1"), tenant, "k", "wxyz", frozenset({"member"}), AT), digest)
    await keys.book.add(tenant, edition(1))
    assert await keys.principal(digest, AT) is not None
    await admin.execute("insert into tenant_rules values ($1, 2, $2, $3, 'newer')", tenant, rules, AT)
    for asked in (keys.principal(digest, AT), keys.rules(tenant), keys.book.history(tenant, None, 5)):
        with pytest.raises(UnreadablePolicy, match="Version 2 of this tenant's policy"):
            await asked
