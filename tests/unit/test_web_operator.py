"""/v1/operator: for operators alone."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.models.catalogue import AUTO
from shared.ports.health import Report
from tests.unit.web_engine import AUTH
from tests.unit.web_operated import OPERATOR, Operated

QUARANTINE = "/v1/operator/quarantine"


@pytest.fixture
def engine() -> Operated:
    return Operated()


@pytest.fixture
async def client(engine: Operated) -> AsyncIterator[httpx.AsyncClient]:
    async with engine.client({"authorization": f"Bearer {OPERATOR}"}) as opened:
        yield opened


async def rows(client: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    answer = await client.get("/v1/operator/providers")
    assert answer.status_code == 200
    assert answer.json()["next"] is None
    return {row["model"]: row for row in answer.json()["data"]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/operator/providers", None),
        ("POST", QUARANTINE, {"model": "gpt-6-luna", "why": "x"}),
        ("DELETE", f"{QUARANTINE}/gpt-6-luna", None),
    ],
)
async def test_others_are_turned_away(engine: Operated, method: str, path: str, body: object) -> None:
    """403 and a problem document for a member's key, 401 without one; nothing is changed."""
    async with engine.client(AUTH) as member, engine.client({}) as nobody:
        refused = await member.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (await nobody.request(method, path, json=body)).status_code == 401
    assert await engine.health.table() == {}


async def test_every_model_is_listed_as_it_stands(engine: Operated, client: httpx.AsyncClient) -> None:
    """The whole catalogue; a model that nobody called is out with its provider."""
    for _ in range(25):
        engine.health.report(Report("gpt-6-luna", "openai", first_token_ms=300))
    engine.health.report(Report("sonar", "perplexity", "provider_unauthorised"))
    found = await rows(client)
    assert set(found) == set(engine.catalogue.names()) - set(AUTO)
    luna, idle, out = found["gpt-6-luna"], found["claude-opus-5-5"], found["sonar-pro"]
    assert luna["first_token_p50_ms"] == pytest.approx(300, rel=0.08)
    assert (luna["state"], luna["calls"], luna["failures"], luna["until"]) == ("closed", 25, 0, None)
    assert (idle["state"], idle["provider"], idle["first_token_p95_ms"]) == ("closed", "anthropic", None)
    assert out["state"] == "open"
    assert "perplexity refuses our credential" in out["why"]
    assert out["until"] > engine.clock.now().isoformat()


async def test_a_model_is_taken_out_and_put_back(engine: Operated, client: httpx.AsyncClient) -> None:
    """With the reason as others will read it; again changes nothing."""
    body = {"model": "gpt-6-luna", "why": " drifts\nsince Friday "}
    for _ in range(2):
        answer = await client.post(QUARANTINE, json=body)
        assert answer.status_code == 200
        assert (answer.json()["state"], answer.json()["why"]) == ("quarantined", "drifts since Friday")
    assert (await rows(client))["gpt-6-luna"]["state"] == "quarantined"
    for _ in range(2):
        assert (await client.delete(f"{QUARANTINE}/gpt-6-luna")).status_code == 204
    assert (await rows(client))["gpt-6-luna"]["state"] == "closed"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "model"),
        ({"model": 7, "why": "x"}, 400, "model"),
        ({"model": "gpt-9", "why": "x"}, 404, "model"),
        ({"model": "auto", "why": "x"}, 404, "model"),
        ({"model": "gpt-6-luna"}, 400, "why"),
        ({"model": "gpt-6-luna", "why": "  "}, 400, "why"),
        ({"model": "gpt-6-luna", "why": "x" * 201}, 400, "why"),
        ({"model": "gpt-6-luna", "why": "a\x00b"}, 400, "why"),
    ],
)
async def test_what_names_no_model_or_no_reason_is_refused(
    engine: Operated, client: httpx.AsyncClient, body: object, status: int, param: str
) -> None:
    """By the name of the field, and nothing is taken out."""
    answer = await client.post(QUARANTINE, json=body)
    assert (answer.status_code, answer.json()["param"]) == (status, param)
    assert await engine.health.table() == {}


async def test_a_release_of_no_model_is_a_404(client: httpx.AsyncClient) -> None:
    """A typing error must not look like success."""
    assert (await client.delete(f"{QUARANTINE}/gpt-9")).status_code == 404


async def test_a_store_that_is_away_is_told(engine: Operated, client: httpx.AsyncClient) -> None:
    """503 rather than one process's own view of the matter."""
    engine.store.away = True
    assert (await client.get("/v1/operator/providers")).status_code == 503
    assert (await client.post(QUARANTINE, json={"model": "sonar", "why": "x"})).status_code == 503
