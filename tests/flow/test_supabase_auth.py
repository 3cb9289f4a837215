"""A person's way in: invited, signed in at Supabase Auth, let into the API for their own tenant and no other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from functions.web.supabase_token import SupabaseTokens, http_fetch
from infra.simulator import supabase as double
from shared.adapters.files import FileObjects
from shared.adapters.supabase.identity import NoPeople
from shared.core.faults import NoKey
from shared.fakes.clock import FakeClock
from tests.flow.house import House, opened
from tests.stores import Addresses

PASSWORD = "long enough a word"
Json = dict[str, Any]
BRIEF = {"pipeline": "article", "brief": "Why green tea turns bitter, and how to brew it."}


@dataclass
class Doors:
    """The product with a project beside it, whose token hook is the one of the migrations."""

    house: House
    project: double.Project
    browser: httpx.AsyncClient

    async def signed_in(self, email: str) -> str:
        """The token of a person who accepts their invitation, chooses a password and signs in with it."""
        mail = next(mail for mail in self.project.mails if mail.to == email)
        accepted = await self._auth("verify", {"type": "invite", "token_hash": mail.token_hash})
        head = {"authorization": f"Bearer {accepted['access_token']}"}
        changed = await self.browser.put("/auth/v1/user", json={"password": PASSWORD}, headers=head)
        assert changed.status_code == 200
        found = await self._auth("token?grant_type=password", {"email": email, "password": PASSWORD})
        return str(found["access_token"])

    async def _auth(self, path: str, body: Json) -> Json:
        answer = await self.browser.post(f"/auth/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def status(self, token: str, path: str = "/v1/documents") -> int:
        """What the API answers to it."""
        async with self.house.client(token) as client:
            return (await client.get(path)).status_code

    def claims(self, token: str) -> Json:
        """What stands in it."""
        found = self.project.claims(token)
        assert found is not None
        return found


@pytest.fixture
async def doors(addresses: Addresses) -> AsyncIterator[Doors]:
    """Nobody is invited yet."""
    async with AsyncExitStack() as stack:
        auth = await asyncpg.connect(addresses.admin)
        stack.push_async_callback(auth.close)
        # As Auth itself calls it: as its own role.
        await auth.execute("set role supabase_auth_admin")

        async def hook(event: Json) -> Json:
            found = await auth.fetchval(
                "select app.access_token_hook($1::jsonb)::text", orjson.dumps(event).decode()
            )
            answer: Json = orjson.loads(found)
            return answer

        project = await stack.enter_async_context(double.start(hook=hook))
        house = await stack.enter_async_context(
            opened(
                addresses,
                supabase_url=project.url,
                supabase_service_key=project.service_key,
                supabase_jwks_url=f"{project.issuer}/.well-known/jwks.json",
            )
        )
        browser = await stack.enter_async_context(
            httpx.AsyncClient(base_url=project.url, headers={"apikey": project.anon_key})
        )
        yield Doors(house, project, browser)


async def test_who_is_invited_sees_their_tenant_s_documents_only(doors: Doors) -> None:
    """From the mail to the list of documents."""
    house = doors.house
    written = []
    for key in (house.key, house.other_key):
        async with house.client(key) as client:
            answer = await client.post("/v1/documents", json=BRIEF, headers={"prefer": "respond-async"})
            assert answer.status_code == 202, answer.text
            written.append(answer.json()["id"])
    await house.services.people.invite(house.tenant, "ann@example.com", "owner")
    token = await doors.signed_in("ann@example.com")
    assert doors.claims(token)["app_metadata"]["tenant_id"] == house.tenant
    async with house.client(token) as client:
        listed = (await client.get("/v1/documents")).text
        assert written[0] in listed
        assert written[1] not in listed
        assert (await client.get(f"/v1/documents/{written[0]}")).status_code == 200
        assert (await client.get(f"/v1/documents/{written[1]}")).status_code == 404


async def test_a_token_that_does_not_hold_is_refused(doors: Doors) -> None:
    """Whichever one thing is wrong with it; the same token without that is let in."""
    await doors.house.services.people.invite(doors.house.tenant, "ann@example.com", "owner")
    good = doors.claims(await doors.signed_in("ann@example.com"))
    nameless = {**good, "app_metadata": {"provider": "email"}}
    wrong: dict[str, Json] = {
        "audience": {**good, "aud": "somebody"},
        "issuer": {**good, "iss": "https://elsewhere.example/auth/v1"},
        "expired": {**good, "exp": good["iat"] - 60},
        "anonymous": {**good, "role": "anon"},
        "no tenant": nameless,
        "the person's own word": {**nameless, "user_metadata": {"tenant_id": doors.house.tenant}},
    }
    assert await doors.status(doors.project.signed(good)) == 200
    answers = {name: await doors.status(doors.project.signed(claims)) for name, claims in wrong.items()}
    assert answers == dict.fromkeys(wrong, 401)
    token = doors.project.signed(good)
    assert await doors.status(token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)) == 401
    stranger = type(doors.project.signing)()
    stranger.kid = doors.project.signing.kid
    assert await doors.status(doors.project.signed(good, stranger)) == 401


async def test_a_person_without_a_tenant_gets_nothing(doors: Doors) -> None:
    """Whatever they write into what is theirs to write; and who is removed gets no more tokens."""
    people, tenant = doors.house.services.people, doors.house.tenant
    await people.invite(tenant, "ann@example.com", "owner")
    bob = await people.invite(tenant, "bob@example.com", "member")
    token = await doors.signed_in("bob@example.com")
    assert await doors.status(token) == 200
    await people.remove(tenant, bob.id)
    answer = await doors.browser.post(
        "/auth/v1/token?grant_type=password", json={"email": "bob@example.com", "password": PASSWORD}
    )
    assert answer.json()["error_code"] == "invalid_credentials"
    made = await doors.browser.post(
        "/auth/v1/admin/users",
        json={
            "email": "eve@example.com",
            "password": PASSWORD,
            "email_confirm": True,
            "user_metadata": {"tenant_id": tenant},
            "app_metadata": {"tenant_id": tenant},
        },
        headers={"apikey": doors.project.service_key, "authorization": f"Bearer {doors.project.service_key}"},
    )
    assert made.status_code == 200
    found = await doors.browser.post(
        "/auth/v1/token?grant_type=password", json={"email": "eve@example.com", "password": PASSWORD}
    )
    assert await doors.status(found.json()["access_token"]) == 401


async def test_a_new_signing_key_is_picked_up(doors: Doors) -> None:
    """A token of it is let in as soon as the keys may be asked for again; the old key's hold while it is published."""
    await doors.house.services.people.invite(doors.house.tenant, "ann@example.com", "owner")
    old, clock = await doors.signed_in("ann@example.com"), FakeClock()
    fetch = http_fetch(f"{doors.project.issuer}/.well-known/jwks.json")
    tokens = SupabaseTokens(fetch, doors.project.issuer, clock)
    assert (await tokens.principal(old)).tenant == doors.house.tenant
    doors.project.rotate()
    new = doors.project.signed(doors.claims(old))
    with pytest.raises(NoKey):
        await tokens.principal(new)
    clock.pass_(31)
    assert (await tokens.principal(new)).tenant == doors.house.tenant
    assert (await tokens.principal(old)).tenant == doors.house.tenant
    del doors.project.published[0]
    clock.pass_(601)
    with pytest.raises(NoKey):
        await tokens.principal(old)


async def test_files_go_to_the_project_s_storage(doors: Doors) -> None:
    """A person's own token reads what their tenant has there, and nobody else's."""
    services, tenant = doors.house.services, doors.house.tenant
    await services.objects.put(tenant, "uploads", "a.txt", b"mine", "text/plain")
    other = type(tenant)("00000000-0000-7000-8000-000000000001")
    await services.objects.put(other, "uploads", "a.txt", b"theirs", "text/plain")
    await services.people.invite(tenant, "ann@example.com", "owner")
    head = {"authorization": f"Bearer {await doors.signed_in('ann@example.com')}"}
    found = await doors.browser.get(f"/storage/v1/object/uploads/{tenant}/a.txt", headers=head)
    assert found.content == b"mine"
    refused = await doors.browser.get(f"/storage/v1/object/uploads/{other}/a.txt", headers=head)
    assert (refused.status_code, refused.json()["error"]) == (400, "not_found")


async def test_a_home_has_files_of_its_own(house: House) -> None:
    """Without a project nobody signs in, and nothing is asked of one."""
    assert isinstance(house.services.objects, FileObjects)
    assert isinstance(house.services.people, NoPeople)
    assert house.services.supabase is None
