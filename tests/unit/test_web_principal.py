"""Credentials: keys, and Supabase's tokens."""

import asyncio
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from functions.web.principal import REMEMBERED_SECONDS, Principals
from functions.web.supabase_token import SupabaseTokens
from shared.core.faults import NoKey, Unavailable
from shared.core.ids import KeyId
from shared.core.tenant import Principal
from shared.tenancy.keys import digest
from tests.unit.web_engine import KEY, NOW, OTHER, OTHER_KEY, TENANT, Engine, HandClock, MemoryKeys

ISSUER = "https://project.example/auth/v1"
SIGNER = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())


def scope(value: str | None) -> dict[str, Any]:
    headers = [] if value is None else [(b"authorization", value.encode("latin-1"))]
    return {"type": "http", "headers": headers}


@pytest.fixture
def engine() -> Engine:
    return Engine()


def of(engine: Engine) -> Principals:
    found: Principals = engine.app.state.principals
    return found


@pytest.mark.parametrize(
    "value",
    [None, "", "Bearer", KEY, f"Basic {KEY}", "Bearer cs_", "Bearer cs_not-a-key-of-anyone-00000", f"Bearer {KEY} x",
     "Bearer a.b.c", "Bearer \xff\xfe", "Bearer cs_" + "x" * 5000],
)  # fmt: skip
async def test_what_is_no_key_is_refused_without_repeating_it(engine: Engine, value: str | None) -> None:
    """401 for every malformed or unknown credential; the message never holds the credential."""
    with pytest.raises(NoKey) as refused:
        await of(engine).of(scope(value))
    assert value is None or len(value) < 14 or value.split()[-1] not in refused.value.message


async def test_a_key_is_its_tenants(engine: Engine) -> None:
    """The tenant comes from the key; the scheme's case does not matter."""
    assert (await of(engine).of(scope(f"Bearer {KEY}"))).tenant == TENANT
    assert (await of(engine).of(scope(f"bearer {OTHER_KEY}"))).tenant == OTHER


async def test_a_key_is_looked_up_once_and_again_after_a_while(engine: Engine) -> None:
    """A look-up is remembered for two seconds and no longer."""
    for _ in range(5):
        await of(engine).of(scope(f"Bearer {KEY}"))
    assert engine.keys.asked == 1
    engine.clock.seconds += REMEMBERED_SECONDS + 0.1
    await of(engine).of(scope(f"Bearer {KEY}"))
    assert engine.keys.asked == 2


async def test_a_revoked_key_ends_within_seconds_and_at_once_where_it_was_revoked(engine: Engine) -> None:
    """Another process sees it when its memory runs out; this one forgets at once."""
    await of(engine).of(scope(f"Bearer {KEY}"))
    await engine.keys.revoke(TENANT, KeyId("key_" + "0" * 31 + "1"), NOW)
    await of(engine).of(scope(f"Bearer {KEY}"))
    engine.clock.seconds += REMEMBERED_SECONDS + 0.1
    with pytest.raises(NoKey, match="revoked"):
        await of(engine).of(scope(f"Bearer {KEY}"))
    await of(engine).of(scope(f"Bearer {OTHER_KEY}"))
    await engine.keys.revoke(OTHER, KeyId("key_" + "0" * 31 + "2"), NOW)
    of(engine).forget(KeyId("key_" + "0" * 31 + "2"))
    with pytest.raises(NoKey, match="revoked"):
        await of(engine).of(scope(f"Bearer {OTHER_KEY}"))


async def test_many_requests_wait_for_one_look_up_and_one_that_leaves_fails_no_other() -> None:
    """A key that is asked for a hundred times at once is looked up once, even where the first asker gives up."""
    engine = Engine()
    engine.keys.wait = 0.05
    asking = [asyncio.create_task(of(engine).of(scope(f"Bearer {KEY}"))) for _ in range(100)]
    await asyncio.sleep(0.01)
    asking[0].cancel()
    async with asyncio.TaskGroup() as group:
        rest = [group.create_task(_awaited(task)) for task in asking[1:]]
    assert {task.result().tenant for task in rest} == {TENANT}
    assert engine.keys.asked == 1


async def _awaited(task: "asyncio.Task[Principal]") -> Principal:
    return await task


async def test_a_store_that_is_down_is_not_remembered_as_a_bad_key() -> None:
    """The look-up's own failure reaches the caller, and the next request asks again."""

    class Down(MemoryKeys):
        async def principal(self, digest: bytes, at: Any) -> Principal | None:
            self.asked += 1
            if self.asked == 1:
                raise Unavailable
            return await super().principal(digest, at)

    keys = Down(Engine().keys.rows)
    principals = Principals(keys, HandClock())
    with pytest.raises(Unavailable):
        await principals.of(scope(f"Bearer {KEY}"))
    assert (await principals.of(scope(f"Bearer {KEY}"))).tenant == TENANT
    assert digest(KEY) in keys.rows


class Published:
    """A key set that counts how often it is fetched."""

    def __init__(self) -> None:
        self.fetched = 0
        self.down = False

    async def __call__(self) -> dict[str, Any]:
        self.fetched += 1
        if self.down:
            raise OSError("no route")
        key = jwt.algorithms.ECAlgorithm.to_jwk(SIGNER.public_key(), as_dict=True)
        return {"keys": [key | {"kid": "k1", "alg": "ES256", "use": "sig"}]}


def claims(**changes: Any) -> dict[str, Any]:
    import time

    now = int(time.time())
    good = {
        "sub": "person-1",
        "aud": "authenticated",
        "iss": ISSUER,
        "exp": now + 600,
        "nbf": now - 10,
        "role": "authenticated",
        "app_metadata": {"tenant_id": TENANT},
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(key: Any = SIGNER, alg: str = "ES256", kid: str | None = "k1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=alg, headers={} if kid is None else {"kid": kid})


async def test_a_token_of_a_signed_in_person_is_its_tenants() -> None:
    """Signature and claims hold: the tenant comes from what the server wrote into the token."""
    published = Published()
    tokens = SupabaseTokens(published, ISSUER, HandClock())
    principals = Principals(MemoryKeys(), HandClock(), tokens)
    for _ in range(2):
        await principals.of(scope(f"Bearer {signed()}"))
    seen = await principals.of(scope(f"Bearer {signed()}"))
    assert (seen.tenant, seen.actor, seen.key) == (TENANT, "person-1", None)
    assert published.fetched == 1


def _now() -> int:
    import time

    return int(time.time())


FORGED: dict[str, Callable[[], str]] = {
    "expired": lambda: signed(exp=_now() - 60),
    "without an end": lambda: signed(exp=None),
    "from the future": lambda: signed(nbf=_now() + 600),
    "another audience": lambda: signed(aud="someone"),
    "no audience": lambda: signed(aud=None),
    "another issuer": lambda: signed(iss="https://other.example/auth/v1"),
    "anonymous role": lambda: signed(role="anon"),
    "service role": lambda: signed(role="service_role"),
    "no subject": lambda: signed(sub=None),
    "another signer": lambda: signed(STRANGER),
    "unsigned": lambda: jwt.encode(claims(), "", algorithm="none", headers={"kid": "k1"}),
    "hmac": lambda: jwt.encode(claims(), "x" * 48, algorithm="HS384", headers={"kid": "k1"}),
    "unknown key": lambda: signed(kid="k9"),
    "no key id": lambda: signed(kid=None),
    "another algorithm": lambda: signed(rsa.generate_private_key(65537, 2048), "RS256"),
    "no tenant": lambda: signed(app_metadata={}),
    "a tenant that the person wrote": lambda: signed(app_metadata=None, user_metadata={"tenant_id": TENANT}),
    "a tenant that is no id": lambda: signed(app_metadata={"tenant_id": "' or true"}),
    "metadata of another type": lambda: signed(app_metadata="x"),
    "cut short": lambda: signed()[:-10],
    "no json": lambda: "e30x.e30x.e30x",
}


@pytest.mark.parametrize("forged", FORGED)
async def test_a_token_that_does_not_hold_is_refused(forged: str) -> None:
    """Each claim, the signature and the algorithm must hold."""
    tokens = SupabaseTokens(Published(), ISSUER, HandClock())
    with pytest.raises(NoKey):
        await Principals(MemoryKeys(), HandClock(), tokens).of(scope(f"Bearer {FORGED[forged]()}"))


async def test_unknown_key_ids_do_not_hammer_the_key_set() -> None:
    """A new key id asks for the keys again, at most every half minute; old keys outlive an outage."""
    published = Published()
    clock = HandClock()
    tokens = SupabaseTokens(published, ISSUER, clock)
    await tokens.principal(signed())
    for _ in range(5):
        with pytest.raises(NoKey):
            await tokens.principal(signed(kid="k9"))
    assert published.fetched == 1
    clock.seconds += 31
    with pytest.raises(NoKey):
        await tokens.principal(signed(kid="k9"))
    assert published.fetched == 2
    published.down = True
    clock.seconds += 3600
    assert (await tokens.principal(signed())).tenant == TENANT


async def test_no_keys_at_all_is_an_outage_and_no_refusal() -> None:
    """Where the key set was never had, a good token is not called bad."""
    published = Published()
    published.down = True
    with pytest.raises(Unavailable):
        await SupabaseTokens(published, ISSUER, HandClock()).principal(signed())
