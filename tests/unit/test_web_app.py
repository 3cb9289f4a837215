"""The app as a whole: what it imports, how it describes itself, keys, models, health."""

import re
import subprocess
import sys
from typing import Any, cast

import pytest
from openai.types import Model

from functions.web.app import create_app
from shared.models.catalogue import Catalogue
from tests.unit.web_engine import KEY, Engine, served

HEAVY = ["modal", "jwt", "cryptography", "jsonschema_rs", "httpx", "aiohttp", "asyncpg", "redis", "structlog", "numpy",
         "tokenizers", "stripe", "supabase", "storage3", "pydantic_monty", "prometheus_client", "opentelemetry.sdk",
         "opentelemetry.exporter", "openai", "rich", "typer"]  # fmt: skip
_NEEDED = ("asyncpg", "redis", "prometheus_client", "cryptography")
LATE = [name for name in HEAVY if name not in _NEEDED] + ["cryptography.hazmat", "shared.guard.redact.engine"]
"""What even the whole engine does not load to be built. Of cryptography Redis' driver asks whether it is there."""
METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("functions.web.app", HEAVY), ("shared.bootstrap", LATE)],
)
def test_a_cold_start_loads_no_sdk_and_no_cloud(module: str, heavy: list[str]) -> None:
    """What a plain request does not need is not loaded before one comes that does."""
    code = f"import sys, {module}; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"


async def test_the_description_is_whole() -> None:
    """Every reference resolves, no 422 is promised, every operation names its errors, and chat has both answers."""
    async with Engine().client({}) as client:
        whole = (await client.get("/openapi.json")).json()
    text = repr(whole)
    for found in set(re.findall(r"'\$ref': '#/([^']+)'", text)):
        place: Any = whole
        for part in found.split("/"):
            place = place[part]
    operations = [
        (path, method, operation)
        for path, methods in whole["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    assert len(operations) >= 17
    for path, method, operation in operations:
        assert "422" not in operation["responses"], path
        assert {"4XX", "5XX"} <= set(operation["responses"]), path
        assert operation.get("security") or not path.startswith("/v1"), path
        assert operation["operationId"], (path, method)
    chat = whole["paths"]["/v1/chat/completions"]["post"]["responses"]["200"]["content"]
    assert set(chat) == {"application/json", "text/event-stream"}


async def test_models_are_listed_in_openais_shape() -> None:
    """The choices first, then the catalogue; each can be got by its name; an unknown one is `model_not_found`."""
    async with Engine().client() as client:
        listed = (await client.get("/v1/models")).json()
        names = [Model.model_validate(row).id for row in listed["data"]]
        assert names == list(Catalogue().names())
        assert names[:3] == ["auto", "auto:cheap", "auto:best"]
        for name in names:
            assert (await client.get(f"/v1/models/{name}")).json()["id"] == name
        missing = await client.get("/v1/models/gpt-99")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


async def test_an_unknown_model_is_a_404_before_a_stream_starts() -> None:
    """In OpenAI's shape, with the field named."""
    async with Engine().client() as client:
        body = {"model": "gpt-99", "messages": [{"role": "user", "content": "x"}], "stream": True}
        answer = await client.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert answer.json()["error"]["param"] == "model"


async def test_a_key_is_shown_once_works_and_ends() -> None:
    """Its secret is in the answer that makes it and nowhere else; revoked here, it is refused here at once."""
    engine = Engine()
    async with engine.client() as client:
        made = await client.post("/v1/keys", json={"name": "robot", "expires": "2027-01-31T12:00:00Z"})
        assert made.status_code == 201
        secret, name = made.json()["key"], made.json()["id"]
        assert made.json()["expires"] == "2027-01-31T12:00:00+00:00"
        listed = await client.get("/v1/keys")
        assert secret not in listed.text
        assert listed.json()["data"][0]["hint"] == secret[-4:]
        own = {"authorization": f"Bearer {secret}"}
        assert (await client.get("/v1/keys", headers=own)).status_code == 200
        assert (await client.delete(f"/v1/keys/{name}")).status_code == 204
        assert (await client.get("/v1/keys", headers=own)).status_code == 401
        assert (await client.delete("/v1/keys/key_" + "9" * 32)).status_code == 404
        assert (await client.delete("/v1/keys/%00")).status_code == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": 5}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "expires": "tomorrow"}, "expires"),
        ({"name": "x", "expires": 5}, "expires"),
        ({"name": "x", "expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"name": "x", "expires": "0001-01-01T00:00:00+23:59"}, "expires"),
        ({"name": "x", "scopes": ["king"]}, "scopes"),
        ({"name": "x", "scopes": [[]]}, "scopes"),
        ({"name": "x", "scopes": {}}, "scopes"),
    ],
)
async def test_a_bad_key_request_names_its_field(body: dict[str, Any], param: str) -> None:
    """400 with `param`, and no key is made."""
    engine = Engine()
    before = len(engine.keys.rows)
    async with engine.client() as client:
        answer = await client.post("/v1/keys", json=body)
    assert (answer.status_code, answer.json()["param"]) == (400, param)
    assert len(engine.keys.rows) == before


async def test_a_member_makes_no_operator() -> None:
    """A key can't have more rights than its maker."""
    async with Engine().client() as client:
        assert (await client.post("/v1/keys", json={"name": "x", "scopes": ["operator"]})).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/auto"),
        ("POST", "/v1/documents"),
        ("POST", "/v1/documents/quote"),
        ("GET", "/v1/documents"),
        ("GET", "/v1/documents/x"),
        ("GET", "/v1/documents/x/events"),
        ("POST", "/v1/documents/x/replay"),
        ("POST", "/v1/documents/x/rerun"),
        ("POST", "/v1/documents/x/cancel"),
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("DELETE", "/v1/keys/x"),
        ("GET", "/v1/audit/x/tape"),
        ("GET", "/v1/audit/verify"),
        ("GET", "/v1/pipelines"),
    ],
)
async def test_nothing_of_a_tenant_is_open(method: str, path: str) -> None:
    """Without a credential: 401, whatever else is wrong with the request."""
    async with Engine().client({}) as client:
        answer = await client.request(method, path, content=b"{", params={"limit": "x"})
    assert answer.status_code == 401


async def test_health_readiness_and_metrics_are_open() -> None:
    """A store that is down shows in readiness, and only there."""
    engine = Engine()
    async with engine.client({}) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.get("/metrics")).text == "chatsmart_up 1\n"
        engine.checks["redis"] = "refused the connection"
        down = await client.get("/readyz")
        assert (down.status_code, down.json()["checks"]["redis"]) == (503, "refused the connection")
        assert (await client.get("/healthz")).status_code == 200


async def test_the_root_page_shows_a_line_to_try_and_no_key() -> None:
    """The page loads nothing from anywhere and names this very server, escaped."""
    async with Engine().client({"host": "x<script>"}) as client:
        page = await client.get("/")
    assert "curl -N http://" in page.text
    assert "<script" not in page.text
    assert KEY not in page.text
    assert "cs_" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_the_engine_lives_as_long_as_the_app() -> None:
    """The server's start and end are the engine's."""
    engine = Engine()
    states = [engine.running]
    async with served(engine.app):
        states.append(engine.running)
    assert [*states, engine.running] == [False, True, False]


async def test_two_apps_share_nothing() -> None:
    """An app is a value: two in one process keep their own engines."""
    one, two = Engine(), Engine()
    assert create_app(cast(Any, one)) is not one.app
    async with one.client() as client:
        await client.get("/v1/models")
    assert (one.keys.asked, two.keys.asked) == (1, 0)
