"""Stripe's events over HTTP: at the whole app, and at the small ingress that is deployed for them alone."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from uuid import uuid4

import asyncpg
import httpx
import pytest

from functions.web.ingress import create_ingress
from functions.web.webhooks import LIMIT, STRIPE
from infra.simulator import start
from shared.bootstrap import services
from shared.config import Settings
from tests.flow.house import listening, served
from tests.stores import Addresses

NEW, OLD = "whsec_new", "whsec_old"


def signed(body: bytes, secret: str = NEW, age: int = 0) -> dict[str, str]:
    """Stripe's header over a body."""
    at = int(time.time()) - age
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={mac}", "content-type": "application/json"}


def event(name: str | None = None) -> bytes:
    return json.dumps(
        {"id": name or f"evt_{uuid4().hex}", "type": "invoice.paid", "data": {"x": "é"}}
    ).encode()


@dataclass
class Door:
    """A place that takes events, and what is kept of them."""

    client: httpx.AsyncClient
    admin: str

    async def send(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.client.post(STRIPE, content=body, headers=headers or signed(body))

    async def kept(self, name: str) -> list[bytes]:
        connection = await asyncpg.connect(self.admin)
        try:
            return [
                row[0] for row in await connection.fetch("select body from app.notices where id = $1", name)
            ]
        finally:
            await connection.close()


@pytest.fixture(params=["app", "ingress"])
async def door(request: pytest.FixtureRequest, addresses: Addresses) -> AsyncIterator[Door]:
    settings = replace(Settings(), namespace=uuid4().hex, stripe_webhook_secrets=(NEW, OLD))
    async with AsyncExitStack() as stack:
        if request.param == "app":
            simulator = await stack.enter_async_context(start())
            settings = settings.with_simulator(simulator.origin)
            settings = settings.with_stores(database=addresses.app, redis=addresses.redis)
            url = await stack.enter_async_context(served(services(settings)))
        else:
            settings = settings.with_stores(database=addresses.app, redis="redis://127.0.0.1:1")
            url = await stack.enter_async_context(listening(create_ingress(settings)))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        yield Door(client, addresses.admin)


async def test_an_event_is_kept_as_it_came_and_once(door: Door) -> None:
    """Stripe may send it again as often as it likes: it is answered alike and stands once."""
    name = f"evt_{uuid4().hex}"
    body = event(name)
    assert (await door.send(body)).json() == {"received": True, "new": True}
    again = await door.send(body, signed(body, OLD))
    assert (again.status_code, again.json()) == (200, {"received": True, "new": False})
    assert await door.kept(name) == [body]


@pytest.mark.parametrize("headers", [
    {"stripe-signature": ""},
    {"stripe-signature": "t=1,v1=00"},
    {"stripe-signature": "nonsense"},
    signed(b"another body"),
    None,
])  # fmt: skip
async def test_what_stripe_did_not_sign_is_refused(door: Door, headers: dict[str, str] | None) -> None:
    """A wrong, missing or foreign signature leaves nothing behind."""
    name = f"evt_{uuid4().hex}"
    answer = await door.client.post(STRIPE, content=event(name), headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"
    assert await door.kept(name) == []


async def test_an_old_signature_is_a_replay(door: Door) -> None:
    """What was signed over five minutes ago is refused, and so is a stranger's secret."""
    body = event()
    assert (await door.send(body, signed(body, age=301))).status_code == 403
    assert (await door.send(body, signed(body, "whsec_other"))).status_code == 403


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"{}", b'{"id": "", "type": "x"}', b'{"id": "a\\u0000", "type": "x"}', b"\xff"]
)
async def test_what_is_no_event_is_a_bad_request(door: Door, body: bytes) -> None:
    """Well signed or not, it must have an id and a type that can be kept."""
    answer = await door.send(body)
    # What is no UTF-8 can't have been signed by Stripe either.
    assert answer.status_code == (403 if body == b"\xff" else 400)


async def test_a_flood_is_cut_short(door: Door) -> None:
    """A body over the limit is 413 before anything is checked."""
    assert (await door.send(b" " * (LIMIT + 1))).status_code == 413


async def test_without_a_secret_there_is_no_door(addresses: Addresses) -> None:
    """An endpoint that can't tell who speaks does not listen, but it lives."""
    settings = Settings().with_stores(database=addresses.app, redis="redis://127.0.0.1:1")
    async with listening(create_ingress(settings)) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.post(STRIPE, content=b"{}")).status_code == 404
        assert (await client.get("/healthz")).json() == {"status": "ok"}
