"""The front in a real server."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gpu.front import LARGEST_BODY, Front
from shared.config import PoolSide
from tests.gpu.served import Engine, served

CHAT = "/v1/chat/completions"
ASK = {"model": "llama", "messages": [{"role": "user", "content": "hi"}], "cache_salt": "of-one-tenant"}


@pytest.fixture
def engine() -> Engine:
    """What is behind the front."""
    return Engine()


@pytest.fixture
async def client(engine: Engine, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from outside."""
    async with served(engine, tmp_path) as url, httpx.AsyncClient(base_url=url, timeout=10) as found:
        yield found


async def test_every_answer_says_how_the_pool_is(client: httpx.AsyncClient, engine: Engine) -> None:
    """State and queue on work, on health and on a refusal; the server's own headers stay."""
    engine.waiting = 7
    answer = await client.post(CHAT, json=ASK)
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["x-chatsmart-pool"] == "ready"
    assert answer.headers["x-chatsmart-pool-waiting"] == "7"
    assert answer.headers["x-own"] == "1"
    for path in ("/health", "/v1/models", "/metrics", "/version", "/nowhere"):
        assert (await client.get(path)).headers["x-chatsmart-pool"] == "ready"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sleep?level=1"),
        ("POST", "/wake_up"),
        ("POST", "/collective_rpc"),
        ("POST", "/update_weights"),
        ("POST", "/v1/load_lora_adapter"),
        ("POST", "/reset_prefix_cache"),
        ("GET", "/server_info"),
        ("GET", "/docs"),
        ("POST", "/tokenize"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "//v1/chat/completions"),
        ("GET", CHAT),
        ("POST", "/health"),
        ("POST", "/v1/%2e%2e/sleep"),
    ],
)
async def test_nothing_else_is_served(
    client: httpx.AsyncClient, engine: Engine, method: str, path: str
) -> None:
    """What is not on the list never reaches the server, whatever it would have done with it."""
    answer = await client.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404
    assert not engine.asked


async def test_the_keeper_may_give_orders(client: httpx.AsyncClient, engine: Engine, tmp_path: Path) -> None:
    """With the token that lies in the folder, and with no other; none is taken where no token lies."""
    for given in ("", "x", "of-the-keeper"):
        assert (await client.post("/sleep", headers={"x-chatsmart-inside": given})).status_code == 404
    (tmp_path / "token").write_text("of-the-keeper")
    assert (await client.post("/sleep", headers={"x-chatsmart-inside": "of-the-keepe"})).status_code == 404
    assert not engine.asked
    assert (await client.post("/sleep", headers={"x-chatsmart-inside": "of-the-keeper"})).status_code == 200
    assert engine.asked == [("POST", "/sleep")]


async def test_draining_refuses_new_work_and_finishes_the_old(
    client: httpx.AsyncClient, engine: Engine, tmp_path: Path
) -> None:
    """503 with the word, from the very moment; the stream that is open goes on to its end; health is answered."""
    async with client.stream("POST", CHAT, json={**ASK, "stream": True}) as running:
        pieces = running.aiter_bytes()
        assert await anext(pieces) == b"data: 0\n\n"
        (tmp_path / "draining").touch()
        refused = await client.post(CHAT, json=ASK)
        assert refused.status_code == 503
        assert refused.headers["x-chatsmart-pool"] == "draining"
        assert refused.headers["retry-after"] == "5"
        health = await client.get("/health")
        assert (health.status_code, health.headers["x-chatsmart-pool"]) == (200, "draining")
        engine.go_on.set()
        assert b"".join([piece async for piece in pieces]) == b"data: [DONE]\n\n"
    assert len(engine.bodies) == 1


async def test_a_dead_engine_is_sick_from_its_first_failure(
    client: httpx.AsyncClient, engine: Engine
) -> None:
    """The answer on which it is found out says so already; later work is refused without asking the server."""
    assert (await client.post(CHAT, json=ASK)).headers["x-chatsmart-pool"] == "ready"
    engine.dead = True
    first = await client.post(CHAT, json=ASK)
    assert (first.status_code, first.headers["x-chatsmart-pool"]) == (500, "sick")
    seen = len(engine.bodies)
    second = await client.post(CHAT, json=ASK)
    assert (second.status_code, second.headers["x-chatsmart-pool"]) == (503, "sick")
    assert len(engine.bodies) == seen
    engine.dead = False
    await asyncio.sleep(1.1)
    assert (await client.post(CHAT, json=ASK)).status_code == 200


async def test_work_without_a_salt_is_refused(client: httpx.AsyncClient, engine: Engine) -> None:
    """A prefix without a salt would be shared by all tenants; empty and null are none."""
    for salt in ({}, {"cache_salt": ""}, {"cache_salt": None}):
        body = {name: value for name, value in ASK.items() if name != "cache_salt"} | salt
        for path in (CHAT, "/v1/completions"):
            answer = await client.post(path, json=body)
            assert answer.status_code == 400
            assert answer.json()["error"]["param"] == "cache_salt"
    assert not engine.bodies


async def test_the_server_gets_the_body_as_it_was_sent(client: httpx.AsyncClient, engine: Engine) -> None:
    """Byte for byte, however many pieces it came in; what is no JSON is the server's to refuse."""
    whole = json.dumps({**ASK, "padding": "é" * 300_000}, ensure_ascii=False).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(whole), 70_000):
            yield whole[at : at + 70_000]

    await client.post(CHAT, content=pieces(), headers={"content-type": "application/json"})
    await client.post(CHAT, content=b"{no json")
    assert engine.bodies == [whole, b"{no json"]


async def test_a_body_without_end_is_refused(client: httpx.AsyncClient, engine: Engine) -> None:
    """A little over the limit is read, and no more."""
    answer = await client.post(CHAT, content=b" " * (LARGEST_BODY + 1))
    assert answer.status_code == 413
    assert not engine.bodies


async def test_the_engine_is_asked_at_most_once_a_second(client: httpx.AsyncClient, engine: Engine) -> None:
    """A burst of requests costs one look."""
    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(client.post(CHAT, json=ASK))
    assert len(engine.bodies) == 40
    assert engine.asked.count(("GET", "/health")) == 1


async def test_a_slow_word_on_its_health_holds_nobody_up(client: httpx.AsyncClient, engine: Engine) -> None:
    """An engine that does not say how it is within half a second is taken to be as it was."""
    engine.slow_health = 5.0
    async with asyncio.timeout(3):
        assert (await client.post(CHAT, json=ASK)).status_code == 200


async def test_messages_of_an_answer_pass_through_untouched() -> None:
    """The very objects that the server sends: the token path costs one comparison a message."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
    bodies = [{"type": "http.response.body", "body": b"%d" % at, "more_body": at < 2} for at in range(3)]

    async def app(scope: object, receive: object, send: object) -> None:
        for message in (start, *bodies):
            await send(message)  # type: ignore[operator]

    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b'{"cache_salt": "x"}'}

    scope = {"type": "http", "method": "POST", "path": CHAT, "headers": []}
    front = Front(app, PoolSide(None))
    await front(scope, receive, send)
    assert [sent[at + 1] is body for at, body in enumerate(bodies)] == [True] * 3


async def test_a_socket_of_another_kind_is_shut() -> None:
    """The server's own sockets are not for callers."""
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    front = Front(Engine(), PoolSide(None))
    await front({"type": "websocket", "path": "/v1/realtime"}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_it_is_light() -> None:
    """The front is loaded in the model server's process: it brings nothing that has to be installed."""
    script = (
        "import sys; old = set(sys.modules); import gpu.front, gpu.process, gpu.weights, gpu.flags;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - old};"
        "print(sorted(new - set(sys.stdlib_module_names) - {'gpu', 'shared'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]", done.stderr
