"""Documents over HTTP on real stores and simulated providers: the whole way, and back."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from tests.flow.house import House

BRIEF: dict[str, Any] = {"pipeline": "article", "brief": "Why green tea turns bitter, and how to brew it."}


def read(wire: bytes) -> list[tuple[int, str, dict[str, Any]]]:
    """Events of a stream: position, name, data."""
    found = []
    for block in wire.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((int(lines["id"]), lines["event"], orjson.loads(lines["data"])))
    return found


async def test_an_article_streams_is_logged_and_replays_to_the_same_bytes(house: House) -> None:
    """The curl line's way: events in order with one trace, a finished document, a log, and a replay that is equal."""
    async with house.client() as client:
        answer = await client.post("/v1/documents", json=BRIEF | {"stream": True})
        events = read(answer.content)
        names = [name for _, name, _ in events]
        assert [position for position, _, _ in events] == list(range(1, len(events) + 1))
        assert (names[0], names[-1]) == ("started", "finished")
        assert names.count("token") > 10
        assert {data["trace"] for _, _, data in events} == {answer.headers["x-chatsmart-trace"]}
        document = (await client.get(answer.headers["content-location"])).json()
        assert document["status"] == "finished"
        assert {step["name"] for step in document["steps"]} >= {"research", "draft", "polish"}
        assert document["simulated"] is True
        assert document["cost_micros"] == sum(step["cost_micros"] for step in document["steps"]) > 0
        path = f"/v1/documents/{document['id']}"
        replay = await client.post(f"{path}/replay", headers={"accept": "text/event-stream"})
        assert replay.content == answer.content
        told = (await client.post(f"{path}/replay")).json()
        assert told["identical"] is True
        assert told["document"]["text"] == document["text"]
        tape = (await client.get(f"/v1/audit/{document['id']}/tape")).json()["entries"]
        assert (tape[0]["kind"], tape[-1]["kind"]) == ("run", "end")
        assert (await client.get("/v1/audit/verify")).json()["intact"] is True
    assert (await house.quiet()).spent == document["cost_micros"]


@pytest.mark.parametrize("pipeline", ["article", "product_description"])
async def test_every_pipeline_can_be_waited_for(house: House, pipeline: str) -> None:
    """What GET /v1/pipelines describes can be quoted, written within the quote, and listed."""
    brief = {"brief": "A steel kettle of 1.7 litres that keeps water at 80 degrees."}
    async with house.client() as client:
        listed = (await client.get("/v1/pipelines")).json()["data"]
        line = next(row for row in listed if row["name"] == pipeline)
        assert line["mermaid"].startswith(("flowchart", "graph"))
        fields = {"pipeline": pipeline, **fitted(line["fields"], brief)}
        quoted = (await client.post("/v1/documents/quote", json=fields)).json()
        assert quoted["micros"] == line["quote"]["micros"] > 0
        made = await client.post("/v1/documents", json=fields)
        assert made.status_code == 201
        assert made.json()["status"] == "finished", made.json()
        assert 0 < made.json()["cost_micros"] <= quoted["micros"]
        rows = (await client.get("/v1/documents", params={"pipeline": pipeline})).json()
    assert [row["id"] for row in rows["data"]] == [made.json()["id"]]


def fitted(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Values for the required fields of a pipeline."""
    fields: dict[str, Any] = {}
    for name in schema.get("required", []):
        kind = schema["properties"][name].get("type")
        fields[name] = known.get(
            name, {"array": ["steel", "1.7 litres"], "object": {}}.get(kind, "A steel kettle")
        )
    return fields


async def test_a_reader_that_was_cut_off_comes_back_for_the_rest(house: House) -> None:
    """What was read before and after the break is the whole stream, each event once."""
    async with house.client() as client:
        async with client.stream("POST", "/v1/documents", json=BRIEF | {"stream": True}) as answer:
            path = answer.headers["content-location"]
            first = b""
            async for piece in answer.aiter_bytes():
                first += piece
                if first.count(b"\n\n") >= 3:
                    break
        whole_events = first[: first.rindex(b"\n\n") + 2]
        last = read(whole_events)[-1][0]
        rest = await client.get(f"{path}/events", headers={"last-event-id": str(last)})
        everything = await client.get(f"{path}/events")
        assert whole_events + rest.content == everything.content
        assert read(everything.content)[-1][1] == "finished"
        past = await client.get(f"{path}/events", headers={"last-event-id": "999999"})
        assert (past.status_code, past.content) == (200, b"")


async def test_a_document_can_be_left_listed_and_cancelled(house: House) -> None:
    """202 at once; cancelling ends it, releases what was held and cancels the provider's call."""
    from infra.simulator import Fault

    house.simulator.plan(Fault("pace", ttft_ms=20_000), times=None)
    async with house.client() as client:
        made = await client.post("/v1/documents", json=BRIEF, headers={"prefer": "respond-async"})
        assert (made.status_code, made.json()["status"]) == (202, "running")
        path = made.headers["location"]
        async with asyncio.timeout(5):
            while not house.simulator.calls():  # noqa: ASYNC110  # the simulator tells nobody of a call
                await asyncio.sleep(0.01)
        ended = await client.post(f"{path}/cancel")
        assert ended.json()["status"] == "failed"
        assert (await client.post(f"{path}/cancel")).json()["status"] == "failed"
    assert (await house.quiet()).held == 0
    assert all(call.cancelled for call in house.simulator.calls())


async def test_a_rerun_asks_todays_models_as_told(house: House) -> None:
    """The new document's step was served by the model that was set; an unknown step or model is refused."""
    async with house.client() as client:
        first = (await client.post("/v1/documents", json=BRIEF)).json()
        path = f"/v1/documents/{first['id']}/rerun"
        again = (await client.post(path, json={"set": {"draft": "gpt-6-luna"}})).json()
        assert again["id"] != first["id"]
        assert {step["name"]: step["model"] for step in again["steps"]}["draft"] == "gpt-6-luna"
        replayed = (await client.post(f"/v1/documents/{again['id']}/replay")).json()
        assert (replayed["identical"], replayed["detail"], replayed["drift"]) == (True, "", "")
        assert (await client.post(path, json={"set": {"nothing": "gpt-6-luna"}})).status_code == 400
        unknown = await client.post(path, json={"set": {"draft": "gpt-99"}})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"pipeline": None}, 400, "pipeline"),
        ({"pipeline": "poem"}, 400, "pipeline"),
        ({"pipeline": 5}, 400, "pipeline"),
        ({"brief": None}, 400, "brief"),
        ({"brief": 5}, 400, "brief"),
        ({"brief": ""}, 400, "brief"),
        ({"brief": "x" * 20_001}, 400, "brief"),
        ({"brief": "x" * (2 * 1024 * 1024)}, 400, "brief"),
        ({"words": "many"}, 400, "words"),
        ({"words": 10**9}, 400, "words"),
        ({"nonsense": 1}, 400, "nonsense"),
        ({"stream": "yes"}, 400, "stream"),
        ({"budget_micros": -1}, 400, "budget_micros"),
        ({"budget_micros": 1.5}, 400, "budget_micros"),
        ({"budget_micros": 0}, 402, "budget_micros"),
        ({"budget_micros": 1}, 402, "budget_micros"),
    ],
)
async def test_a_bad_order_is_refused_and_leaves_nothing(
    house: House, change: dict[str, Any], status: int, param: str
) -> None:
    """A problem document that names the field; no document, no call, nothing held."""
    async with house.client() as client:
        answer = await client.post("/v1/documents", json=BRIEF | change)
        assert (answer.status_code, answer.json().get("param")) == (status, param)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert (await client.get("/v1/documents")).json()["data"] == []
    assert not house.simulator.calls()
    assert (await house.balance()).held == 0


async def test_another_tenants_document_is_not_there(house: House) -> None:
    """Every verb answers 404 with the same words as for one that never was; the owner still has it."""
    async with house.client() as client, house.client(house.other_key) as other:
        made = (await client.post("/v1/documents", json=BRIEF)).json()
        path = f"/v1/documents/{made['id']}"
        verbs = [
            ("GET", ""),
            ("GET", "/events"),
            ("POST", "/replay"),
            ("POST", "/rerun"),
            ("POST", "/cancel"),
        ]
        for method, rest in verbs:
            answer = await other.request(method, path + rest)
            nobody = await other.request(method, "/v1/documents/doc_" + "0" * 32 + rest)
            assert answer.status_code == nobody.status_code == 404
            assert answer.json()["title"] == nobody.json()["title"]
        assert (await other.get(f"/v1/audit/{made['id']}/tape")).status_code == 404
        assert (await other.get("/v1/documents")).json()["data"] == []
        assert (await client.get(path)).status_code == 200


async def test_a_key_that_expires_or_is_revoked_ends(house: House) -> None:
    """Made over HTTP, used, revoked: 401 within seconds; one that has run out never works."""
    async with house.client() as client:
        made = (await client.post("/v1/keys", json={"name": "robot"})).json()
        async with house.client(made["key"]) as robot:
            assert (await robot.get("/v1/documents")).status_code == 200
            assert (await client.delete(f"/v1/keys/{made['id']}")).status_code == 204
            assert (await robot.get("/v1/documents")).status_code == 401
        soon = house.services.clock.now().timestamp() + 1
        brief_key = await client.post(
            "/v1/keys", json={"name": "brief", "expires": httpx_time(house.services.clock.now(), 1)}
        )
        async with house.client(brief_key.json()["key"]) as brief:
            await asyncio.sleep(max(0.0, soon - house.services.clock.now().timestamp()) + 0.3)
            assert (await brief.get("/v1/documents")).status_code == 401
        rows = (await client.get("/v1/keys", params={"limit": 1})).json()
        assert rows["next"] is not None


def httpx_time(now: Any, seconds: float) -> str:
    """A moment from now, RFC 3339."""
    from datetime import timedelta

    moment: str = (now + timedelta(seconds=seconds)).isoformat()
    return moment


async def test_readiness_sees_the_stores(house: House) -> None:
    """Both stores answer, and the metrics count what was asked."""
    async with httpx.AsyncClient(base_url=house.url) as client:
        assert (await client.get("/readyz")).json()["checks"] == {"postgres": "ok", "redis": "ok"}
        assert b"# HELP" in (await client.get("/metrics")).content
