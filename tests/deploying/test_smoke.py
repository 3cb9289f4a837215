"""The smoke test, on the real app over loopback and on a pool that misbehaves."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.deploying.smoke import Pool, Site, client, proxy_headers
from infra.deploying.smoke_key import TENANT, smoke_key
from infra.deploying.stopped import Stopped
from infra.simulator import Fault
from shared.adapters.postgres.keys import PostgresKeys
from tests.flow.house import opened
from tests.stores import Addresses, Stores


async def test_a_release_that_works_passes(addresses: Addresses, stores: Stores) -> None:
    """All four questions are answered by the real app, with a key of the smoke test's own that is gone afterwards."""
    async with opened(addresses) as house, client() as http:
        site = Site(house.url, http)
        await site.alive("abc", 5)
        await site.ready()
        await site.described()
        async with smoke_key(addresses.app) as key:
            assert await site.completed(key) > 0
    newest = (await PostgresKeys(stores.database).listed(TENANT, None, 1))[0]
    assert newest.revoked is not None
    assert newest.expires is not None
    assert newest.limits.day_micros == 20_000


async def test_another_release_is_waited_for_and_told(addresses: Addresses) -> None:
    """While the release before still answers, nothing is proven."""
    async with opened(addresses, revision="before") as house, client() as http:
        site = Site(house.url, http)
        await site.alive("before", 5)
        with pytest.raises(Stopped, match="did not answer as after within 1 seconds: revision before"):
            await site.alive("after", 1)


async def test_models_that_all_fail_fail_the_test(addresses: Addresses) -> None:
    """A release whose providers refuse it is no release, and is told in the app's own words."""
    async with opened(addresses) as house, client() as http, smoke_key(addresses.app) as key:
        house.simulator.plan(Fault("status", status=401), times=None)
        with pytest.raises(Stopped, match="chat completion"):
            await Site(house.url, http).completed(key)


@dataclass
class Answers:
    """A web that gives these answers in turn, the last one for good; what it was asked with."""

    answers: Sequence[tuple[int, dict[str, str]]]
    asked: list[Request] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        """The next answer."""
        status, headers = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(request)
        return Response("", status, headers)


@asynccontextmanager
async def serving(answers: Answers) -> AsyncIterator[str]:
    """It, on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/{path:path}", answers.answer)])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


COLD = (503, dict[str, str]())
SICK = (503, {"x-chatsmart-pool": "sick"})
READY = (200, {"x-chatsmart-pool": "ready"})


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([READY], "ready"),
        ([COLD, READY], "ready"),
        ([SICK, READY], "ready"),
        ([COLD], "cold"),
        ([SICK, COLD], "cold"),
    ],
)
async def test_a_pool_is_ready_or_cold(answers: Sequence[tuple[int, dict[str, str]]], state: str) -> None:
    """A replica that is not there yet is no failure; one that was sick and got well neither."""
    asked = Answers(answers)
    async with serving(asked) as url, client() as http:
        pool = Pool(url, http, proxy_headers("wk-a:ws-b"))
        assert await pool.state(1.5) == state
    assert (asked.asked[0].headers["modal-key"], asked.asked[0].headers["modal-secret"]) == ("wk-a", "ws-b")


async def test_a_pool_that_stays_sick_stops_the_deploy() -> None:
    """Within the time limit, with the time and where to read on."""
    async with serving(Answers([SICK])) as url, client() as http:
        with pytest.raises(Stopped, match=r"sick, for 1 seconds now.*modal app logs"):
            await Pool(url, http, {}).state(1)


async def test_a_pool_that_does_not_let_us_in_stops_the_deploy() -> None:
    """A wrong token would make every call of the tier fail; it is told with its setting."""
    async with serving(Answers([(401, {})])) as url, client() as http:
        with pytest.raises(Stopped, match="LLAMA_API_KEY"):
            await Pool(url, http, {}).state(1)


async def test_a_pool_that_nobody_reaches_is_cold() -> None:
    """No answer is what no replica looks like."""
    async with httpx.AsyncClient(timeout=0.2) as http:
        assert await Pool("http://127.0.0.1:9", http, {}).state(0) == "cold"


def test_a_key_that_is_no_proxy_token_goes_as_a_bearer_token() -> None:
    """As the Llama tier's adapter reads it."""
    assert proxy_headers("secret") == {"authorization": "Bearer secret"}
    assert proxy_headers("") == {}


async def test_a_database_without_the_app_s_role_is_told(addresses: Addresses) -> None:
    """An administrator's login in DATABASE_URL stops the deploy: row-level security would not bind the app."""
    with pytest.raises(Stopped, match="DATABASE_URL: no key for the smoke test can be made"):
        async with smoke_key(addresses.admin):
            raise AssertionError("no key can be there")
