"""Documents over HTTP: the ways to wait, pages, events that can be left and come back to."""

import asyncio
import contextlib
from typing import Any

import httpx
import pytest

from functions.web import documents
from shared.core.event import Event
from shared.core.faults import Unavailable
from tests.unit.web_engine import AUTH, OTHER_KEY, TENANT, Engine, served

EVENTS = (
    Event(1, "started", {"trace": "t"}),
    Event(2, "token", {"trace": "t", "step": "draft", "text": "Tea"}),
    Event(3, "finished", {"trace": "t"}),
)
WIRE = b"".join(event.wire() for event in EVENTS)
ID = "doc_" + "0" * 31 + "1"


@pytest.fixture
async def engine() -> Engine:
    found = Engine()
    found.documents.events = EVENTS
    return found


async def make(engine: Engine, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    async with engine.client(AUTH | (headers or {})) as client:
        return await client.post("/v1/documents", json={"pipeline": "article", "brief": "Tea"} | more)


async def test_a_document_is_waited_for(engine: Engine) -> None:
    """Without `stream` the answer is the finished document, with its address, trace and cost."""
    answer = await make(engine)
    assert answer.status_code == 201
    assert answer.json()["status"] == "finished"
    assert answer.json()["text"] == "# Tea"
    assert answer.headers["location"] == f"/v1/documents/{ID}"
    assert answer.headers["x-chatsmart-trace"] == answer.json()["trace"]
    assert answer.headers["x-chatsmart-cost-micros"] == "7"


async def test_a_document_that_takes_longer_is_accepted(engine: Engine) -> None:
    """Past two minutes of waiting, or at once where the caller prefers it, 202 says that it is still running."""
    engine.documents.waits = documents.WAIT_SECONDS + 1
    slow = await make(engine)
    assert (slow.status_code, slow.json()["status"]) == (202, "running")
    at_once = await make(engine, {"prefer": "respond-async, wait=5"})
    assert (at_once.status_code, at_once.json()["status"]) == (202, "running")
    assert at_once.headers["preference-applied"] == "respond-async"


async def test_a_document_streams_its_events(engine: Engine) -> None:
    """With `stream` the answer is the events, byte for byte, and the trace."""
    answer = await make(engine, stream=True)
    assert answer.status_code == 200
    assert answer.content == WIRE
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-chatsmart-trace"] == "0" * 31 + "1"


@pytest.mark.parametrize(("last", "rest"), [("0", 3), ("1", 2), ("2", 1), ("3", 0), ("999999", 0)])
async def test_a_reader_that_comes_back_gets_the_rest(engine: Engine, last: str, rest: int) -> None:
    """By `Last-Event-ID`, or by `?after=` where a client can't set headers; past the end there is just the end."""
    await make(engine)
    expected = b"".join(event.wire() for event in EVENTS[3 - rest :])
    async with engine.client() as client:
        by_header = await client.get(f"/v1/documents/{ID}/events", headers={"last-event-id": last})
        by_query = await client.get(f"/v1/documents/{ID}/events", params={"after": last})
    assert by_header.status_code == by_query.status_code == 200
    assert by_header.content == by_query.content == expected


@pytest.mark.parametrize("last", ["-1", "1.5", "x", "1e3", "٣", "9" * 40, "0x1", " 1 2", "NaN", "+1"])
async def test_an_event_id_that_is_none_is_refused(engine: Engine, last: str) -> None:
    """Not a non-negative whole number: 400 that names the header."""
    await make(engine)
    async with engine.client() as client:
        headers = {"last-event-id": last.encode()}
        by_header = await client.get(f"/v1/documents/{ID}/events", headers=headers)  # type: ignore[arg-type]
        by_query = await client.get(f"/v1/documents/{ID}/events", params={"after": last})
    assert (by_header.status_code, by_header.json()["param"]) == (400, "Last-Event-ID")
    assert (by_query.status_code, by_query.json()["param"]) == (400, "after")


async def test_a_reader_that_leaves_stops_reading_and_not_the_document(engine: Engine) -> None:
    """The follower is closed at once; nothing is cancelled; the reader can come back."""
    engine.documents.events = (EVENTS[0], 30.0, EVENTS[2])
    async with served(engine.app) as url, httpx.AsyncClient(base_url=url, headers=AUTH) as client:
        request = client.build_request("POST", "/v1/documents", json={"pipeline": "article", "stream": True})
        answer = await client.send(request, stream=True)
        assert await anext(answer.aiter_bytes()) == EVENTS[0].wire()
        assert engine.documents.followers == 1
        await answer.aclose()
        async with asyncio.timeout(0.5):
            await engine.documents.left.wait()
        assert engine.documents.followers == 0
        assert (await client.get(f"/v1/documents/{ID}")).json()["status"] == "running"


async def test_silence_is_filled_with_comments(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing happens a comment goes out, so that no proxy gives the connection up."""
    monkeypatch.setattr("functions.web.sse.HEARTBEAT_SECONDS", 0.05)
    engine.documents.events = (EVENTS[0], 0.18, EVENTS[2])
    answer = await make(engine, stream=True)
    assert 2 <= answer.content.count(b": still here\n\n") <= 3
    assert answer.content.replace(b": still here\n\n", b"") == EVENTS[0].wire() + EVENTS[2].wire()


async def test_a_stream_that_breaks_never_ends_cleanly(engine: Engine) -> None:
    """A store that fails in the middle breaks the connection: the client sees that, and comes back."""
    engine.documents.events = (EVENTS[0], 0.01, Unavailable())
    async with served(engine.app) as url, httpx.AsyncClient(base_url=url, headers=AUTH) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/documents", json={"pipeline": "article", "stream": True})


async def test_a_stream_that_fails_before_its_first_event_has_a_status(engine: Engine) -> None:
    """Nothing has been sent: the failure is a proper answer."""
    engine.documents.events = (Unavailable(),)
    answer = await make(engine, stream=True)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_lists_are_pages_newest_first(engine: Engine) -> None:
    """`next` leads through all of them, once each, and is null on the last page."""
    for _ in range(5):
        await make(engine)
    seen: list[str] = []
    async with engine.client() as client:
        page = (await client.get("/v1/documents", params={"limit": 2})).json()
        while True:
            seen += [row["id"] for row in page["data"]]
            if page["next"] is None:
                break
            page = (await client.get("/v1/documents", params={"limit": 2, "after": page["next"]})).json()
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"after": "'; drop table"}, "after"),
        ({"after": "doc_\0"}, "after"),
        ({"pipeline": "nothing"}, "pipeline"),
    ],
)
async def test_a_bad_page_is_a_400_that_names_the_parameter(
    engine: Engine, query: dict[str, str], param: str
) -> None:
    """Never FastAPI's 422, never a store's error."""
    async with engine.client() as client:
        answer = await client.get("/v1/documents", params=query)
    assert (answer.status_code, answer.json()["param"]) == (400, param)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_another_tenants_document_is_not_there(engine: Engine) -> None:
    """Every verb on it answers 404, word for word as for one that never was."""
    await make(engine)
    paths = [("GET", ""), ("GET", "/events"), ("POST", "/rerun"), ("POST", "/cancel")]
    async with engine.client({"authorization": f"Bearer {OTHER_KEY}"}) as client:
        for method, rest in paths:
            answer = await client.request(method, f"/v1/documents/{ID}{rest}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert (await client.get(f"/v1/audit/{ID}/tape")).status_code == 404
        assert (await client.get("/v1/documents")).json() == {"data": [], "next": None}


@pytest.mark.parametrize(
    "id", ["x", "doc_", "doc_%00", "doc_" + "g" * 32, "DOC_" + "0" * 32, "doc_" + "0" * 33, "%F0%9F"]
)
async def test_what_can_be_no_id_never_reaches_a_store(engine: Engine, id: str) -> None:
    """404 without a look-up."""
    async with engine.client() as client:
        assert (await client.get(f"/v1/documents/{id}")).status_code == 404


async def test_a_rerun_names_models_by_step(engine: Engine) -> None:
    """`set` is read and handed on; a wrong one is refused."""
    await make(engine)
    async with engine.client() as client:
        path = f"/v1/documents/{ID}/rerun"
        assert (await client.post(path, json={"set": {"draft": "gpt-6-luna"}})).status_code == 201
        assert engine.documents.swaps == {"draft": "gpt-6-luna"}
        assert (await client.post(path)).status_code == 201
        wrongs: list[dict[str, Any]] = [{"set": []}, {"set": {"draft": 5}}, {"set": "x"}, {"stream": 1}]
        for wrong in wrongs:
            assert (await client.post(path, json=wrong)).status_code == 400


async def test_the_log_can_be_read_and_checked(engine: Engine) -> None:
    """The tape of a run and the verdict on the chain."""
    await make(engine)
    async with engine.client() as client:
        assert (await client.get(f"/v1/audit/{ID}/tape")).json()["entries"][0]["kind"] == "run"
        verdict = (await client.get("/v1/audit/verify")).json()
    assert verdict == {
        "tenant": TENANT,
        "intact": True,
        "broken": None,
        "seals": 1,
        "entries": 2,
        "unsealed": 0,
        "tombstones": 0,
    }


async def test_a_caller_that_stops_waiting_leaves_the_document_running(engine: Engine) -> None:
    """The wait ends with the connection; the document stays in the list."""
    engine.documents.waits = 60.0
    async with served(engine.app) as url, httpx.AsyncClient(base_url=url, headers=AUTH) as client:
        sending = asyncio.create_task(client.post("/v1/documents", json={"pipeline": "article"}))
        await asyncio.sleep(0.2)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        assert (await client.get("/v1/documents")).json()["data"][0]["status"] == "running"
