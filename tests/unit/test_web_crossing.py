"""What passes between a caller and the old path, to the byte and to the header."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.web.passage import inward, outward
from shared.core.faults import BadRequest, OverBudget, Overloaded
from shared.core.tenant import Principal
from shared.cutover.desk import Change
from shared.fakes.oldpath import ScriptedAnswer
from tests.unit.test_cutover_address import HOSTILE
from tests.unit.web_engine import KEY, TENANT, Engine

PATH = "/v1/chat/completions"
BODY = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}]}
ME = Principal(TENANT, "key_1")
OLD_KEY = "sk-old-0123456789"


async def moving(answer: Any, **changes: Any) -> Engine:
    """An engine whose first tenant is moving; the old path gives `answer`."""
    engine = Engine()
    engine.old.answer = answer
    fields = {"base_url": "https://old.example/v1", "api_key": OLD_KEY} | changes
    await engine.cutover.set(ME, Change(**fields))
    return engine


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=2_000),
    st.lists(st.binary(min_size=1, max_size=200), max_size=8),
    st.integers(200, 599),
)
async def test_bodies_pass_to_the_byte_both_ways(sent: bytes, pieces: list[bytes], status: int) -> None:
    """Whatever they are: no reader of ours stands between."""
    if status in (204, 304):
        status = 200
    engine = await moving(ScriptedAnswer(status, [(b"Content-Type", b"odd/odd")], pieces))
    async with engine.client() as client:
        answer = await client.post(PATH, content=sent)
    assert (answer.status_code, answer.content) == (status, b"".join(pieces))
    assert engine.old.asked[0].body == sent
    assert not engine.chat.answers
    await engine.close()


async def test_only_what_may_pass_passes() -> None:
    """Not the ChatSmart key, not what proxies add, not what belongs to a connection; a client adds what it likes."""
    engine = await moving(ScriptedAnswer(script=(b"{}",)))
    async with engine.client() as client:
        await client.post(
            PATH + "?api-version=1%2F2",
            json=BODY,
            headers={
                "accept": "text/event-stream",
                "openai-organization": "org",
                "x-stainless-lang": "python",
                "x-forwarded-for": "10.0.0.1",
                "x-real-ip": "10.0.0.1",
                "cookie": "session=1",
                "modal-token": "t",
                "x-cutover-api-key": "azure",
                "x-cutover-authorization": "Bearer other",
                "x-cutover-host": "evil.example",
                "x-cutover-content-length": "0",
                "x-cutover-": "nothing",
            },
        )
    (asked,) = engine.old.asked
    assert asked.url == "https://old.example/v1/chat/completions?api-version=1%2F2"
    found = dict(asked.headers)
    assert found[b"authorization"] == f"Bearer {OLD_KEY}".encode()
    assert {name for name in found if not name.startswith((b"accept", b"user-agent"))} == {
        b"authorization", b"content-type", b"openai-organization", b"x-stainless-lang", b"api-key", b"x-chatsmart-hop",
    }  # fmt: skip
    assert KEY.encode() not in b"".join(value for _, value in asked.headers)
    await engine.close()


@pytest.mark.parametrize(
    "name", [b"x-cutover-authorization", b"x-cutover-api-key", b"openai-organization", b"accept"]
)
def test_the_chatsmart_key_is_stopped_under_any_name(name: bytes) -> None:
    """A client that mixes up its keys is told, before anything is sent."""
    with pytest.raises(BadRequest, match="stays here"):
        inward([(name, b"Bearer " + KEY.encode())], "", KEY)


def test_the_answers_headers_are_the_old_paths_own() -> None:
    """But for the connection's, cookies, and words about another host; its request id stands beside ours."""
    given = [
        (b"Content-Type", b"a/b"), (b"Content-Length", b"3"), (b"Content-Encoding", b"gzip"), (b"Retry-After", b"7"),
        (b"X-RateLimit-Remaining", b"1"), (b"x-request-id", b"req_1"), (b"Set-Cookie", b"a=b"), (b"Date", b"now"),
        (b"Transfer-Encoding", b"chunked"), (b"Connection", b"close"), (b"Server", b"x"), (b"Location", b"//evil"),
        (b"X-ChatSmart-Served-By", b"chatsmart"), (b"Strict-Transport-Security", b"max-age=1"),
    ]  # fmt: skip
    assert outward(given) == [
        (b"content-type", b"a/b"), (b"content-length", b"3"), (b"content-encoding", b"gzip"), (b"retry-after", b"7"),
        (b"x-ratelimit-remaining", b"1"), (b"x-cutover-request-id", b"req_1"),
    ]  # fmt: skip


async def test_a_path_that_is_away_is_left_alone_for_a_while() -> None:
    """After one try the others are answered at once, and it is tried again some seconds later."""
    engine = await moving(Overloaded("It is gone."))
    async with engine.client() as client:
        for _ in range(3):
            answer = await client.post(PATH, json=BODY)
            assert answer.headers["x-chatsmart-served-by"] == "chatsmart"
        assert len(engine.old.asked) == 1
        engine.clock.seconds += 6
        engine.old.answer = ScriptedAnswer(script=(b"{}",))
        assert (await client.post(PATH, json=BODY)).headers["x-chatsmart-served-by"] == "old"
        assert (await client.post(PATH, json=BODY)).headers["x-chatsmart-served-by"] == "old"
    await engine.close()


async def test_a_tenants_budget_is_its_own_word() -> None:
    """A cap that is reached is told; the old path does not answer round it."""
    engine = await moving(ScriptedAnswer(script=(b"{}",)), serve_percent=100)
    engine.chat.refuses = OverBudget("The month is spent.")
    async with engine.client() as client:
        answer = await client.post(PATH, json=BODY)
    assert (answer.status_code, engine.old.asked) == (402, [])
    await engine.close()


async def test_a_large_body_is_the_old_paths_until_all_has_moved() -> None:
    """More than ChatSmart reads passes on; past the passage's own limit it is a 413."""
    engine = await moving(ScriptedAnswer(script=(b"{}",)), serve_percent=99)
    large = b"x" * (5 * 1024 * 1024)
    async with engine.client() as client:
        assert (await client.post(PATH, content=large)).headers["x-chatsmart-served-by"] == "old"
        assert (await client.post(PATH, content=large * 7)).status_code == 413
        await engine.cutover.set(ME, Change(serve_percent=100))
        assert (await client.post(PATH, content=large)).status_code == 413
    assert len(engine.old.asked) == 1
    await engine.close()


async def test_what_came_round_is_answered_here() -> None:
    """A request that an old path sent back to us is not sent there again."""
    engine = await moving(ScriptedAnswer(script=(b"{}",)))
    async with engine.client() as client:
        answer = await client.post(PATH, json=BODY, headers={"x-chatsmart-hop": "1"})
    assert answer.status_code == 200
    assert (len(engine.chat.answers), engine.old.asked) == (1, [])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"serve_percent": "10"}, "serve_percent"),
        ({"serve_percent": 1.5}, "serve_percent"),
        ({"serve_percent": True}, "serve_percent"),
        ({"mirror_percent": 101}, "mirror_percent"),
        ({"base_url": 7}, "base_url"),
        ({"models": ["a"]}, "models"),
        ({"models": {"a": 1}}, "models.a"),
        ({"keep_samples": "yes"}, "keep_samples"),
        ({"serve": 10}, "serve"),
        ({"base_url": "https://localhost/v1"}, "base_url"),
    ],
)
async def test_a_wrong_field_is_named(body: dict[str, Any], param: str) -> None:
    """As a problem document, and nothing changes."""
    engine = await moving(ScriptedAnswer())
    async with engine.client() as client:
        before = (await client.get("/v1/cutover")).json()
        answer = await client.put("/v1/cutover", json=body)
        assert (answer.status_code, answer.json()["param"]) == (400, param)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await client.get("/v1/cutover")).json() == before


async def test_no_hostile_address_is_stored() -> None:
    """Each is a 400 that names the field, over HTTP as well; the move stays where it was."""
    engine = await moving(ScriptedAnswer())
    async with engine.client() as client:
        for url in HOSTILE:
            answer = await client.put("/v1/cutover", json={"base_url": url, "api_key": ""})
            assert (answer.status_code, answer.json()["param"]) == (400, "base_url"), url
        assert (await client.get("/v1/cutover")).json()["base_url"] == "https://old.example/v1"
