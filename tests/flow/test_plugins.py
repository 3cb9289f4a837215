"""A tenant's own programs, over HTTP and the command line, in the real sandbox, while the server runs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from infra.cli.plugins_verbs import app as verbs
from shared.adapters.sealed import fresh_key
from shared.core.ids import RunId, TraceId
from shared.core.tenant import Principal
from tests.flow.house import House, opened
from tests.stores import Addresses
from tests.unit.loopback import Answer, Loopback, as_json, loopback

TRACE, RUN = TraceId("ab" * 16), RunId("doc_" + "ab" * 16)
SOURCE = (
    'def fetch_sources(query):\n    return [{"title": "Own", "url": "https://a.example", "text": query}]\n'
)
TABLES = ("plugins", "plugin_versions", "plugin_secrets", "plugin_calls")
Json = dict[str, Any]


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    """The product, whose plugins may ask loopback where that is granted."""
    local = frozenset({"127.0.0.1"})
    async with opened(addresses, secret_key=fresh_key(), plugin_local_hosts=local) as found:
        yield found


@pytest.fixture
def service() -> Iterator[Loopback]:
    with loopback() as served:
        yield served


async def add(house: House, name: str = "own", source: str = SOURCE, **more: Any) -> Json:
    """Add a plugin, or a version."""
    async with house.client() as client:
        answer = await client.post("/v1/plugins", json={"name": name, "source": source} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def tried(house: House, name: str, given: Any, **more: Any) -> Json:
    """Run it once."""
    async with house.client() as client:
        answer = await client.post(f"/v1/plugins/{name}/test", json={"input": given} | more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# -- a life ------------------------------------------------------------------------------------------------------------


async def test_a_plugin_lives_while_the_server_runs(house: House) -> None:
    """Added, asked by the next run, given another version, put back, disabled, removed: each holds at once."""
    desk, tenant = house.services.plugins, house.tenant
    assert not (await desk.sources(tenant, "tea", TRACE, RUN)).findings
    made = await add(house)
    assert (made["kind"], made["version"], made["active"], made["enabled"]) == ("source", 1, 1, True)
    found = await desk.sources(tenant, "tea", TRACE, RUN)
    assert [(one.plugin, one.version, one.text) for one in found.findings] == [("own", 1, "tea")]
    await add(house, source=SOURCE.replace("query}]", "query.upper()}]"))
    assert [one.text for one in (await desk.sources(tenant, "tea", TRACE, RUN)).findings] == ["TEA"]
    async with house.client() as client:
        back = await client.put("/v1/plugins/own/active", json={"version": 1})
        assert (back.json()["active"], back.json()["latest"]) == (1, 2)
        assert [one.text for one in (await desk.sources(tenant, "tea", TRACE, RUN)).findings] == ["tea"]
        assert (await client.post("/v1/plugins/own/disable")).json()["enabled"] is False
        assert not (await desk.sources(tenant, "tea", TRACE, RUN)).ran
        assert (await client.post("/v1/plugins/own/enable")).json()["enabled"] is True
        rows = (await client.get("/v1/plugins/own/calls", params={"limit": 2})).json()
        rest = (await client.get("/v1/plugins/own/calls", params={"after": rows["next"]})).json()
        versions = (await client.get("/v1/plugins/own/versions")).json()["data"]
        assert (await client.delete("/v1/plugins/own")).status_code == 204
        assert (await client.get("/v1/plugins/own")).status_code == 404
        kept = (await client.get("/v1/plugins/own/calls")).json()["data"]
    assert [one["version"] for one in rows["data"] + rest["data"]] == [1, 2, 1]
    assert {(one["trace"], one["run"], one["outcome"]) for one in kept} == {(TRACE, RUN, "ok")}
    assert rows["data"][0]["sha256"] == made["sha256"]
    assert "tea" not in json.dumps(kept)
    assert [one["version"] for one in versions] == [2, 1]
    assert versions[1]["source"] == SOURCE


async def test_the_next_document_uses_it(house: House, service: Loopback) -> None:
    """A source is asked in the run's name, an action hears of its end, both with the document's trace."""
    service.on("POST /hook", Answer((b"ok",), kind="text/plain"))
    action = f"def run(event):\n    fetch('{service.url}/hook', method='POST', json=event)\n"
    await add(house)
    await add(house, "hook", action, grants={"hosts": [service.url.removeprefix("http://")]})
    async with house.client() as client:
        body = {"pipeline": "article", "brief": "How tea came to Europe", "stream": False}
        answer = await client.post("/v1/documents", json=body)
        assert answer.status_code == 201, answer.text
        document = answer.json()
        async with asyncio.timeout(10):
            while not (heard := (await client.get("/v1/plugins/hook/calls")).json()["data"]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        asked = (await client.get("/v1/plugins/own/calls")).json()["data"]
    assert "[Own](https://a.example)" in document["text"]
    assert {(one["purpose"], one["outcome"], one["run"]) for one in asked} == {
        ("source", "ok", document["id"])
    }
    assert {one["trace"] for one in asked + heard} == {document["trace"]}
    assert [(one["purpose"], one["outcome"]) for one in heard] == [("action", "ok")]
    assert (service.asked[0].body["id"], service.asked[0].body["name"]) == (
        document["id"],
        "document.finished",
    )


async def test_lists_are_pages(house: House) -> None:
    """Newest first, without texts."""
    for name in ("a", "b", "c"):
        await add(house, name)
    async with house.client() as client:
        first = (await client.get("/v1/plugins", params={"limit": 2})).json()
        rest = (await client.get("/v1/plugins", params={"after": first["next"]})).json()
    assert [one["name"] for one in first["data"] + rest["data"]] == ["c", "b", "a"]
    assert rest["next"] is None
    assert not any("source" in one for one in first["data"])


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("def fetch_sources(query):\n    return [\n", None),
        ("x = 1\ndef fetch_sources(query):\n    yield = 3\n", 3),
        ("import this is wrong\ndef fetch_sources(query):\n    return []\n", 1),
    ],
)
async def test_a_text_that_can_not_run_is_refused_with_its_place(
    house: House, source: str, place: int | None
) -> None:
    """Line and column, and nothing is stored: no plugin, no version."""
    async with house.client() as client:
        answer = await client.post("/v1/plugins", json={"name": "own", "source": source})
        assert answer.status_code == 422, answer.text
        told = answer.json()
        assert (told["code"], told["param"]) == ("bad_plugin", "source")
        if place is not None:
            assert f"line {place}, column " in told["detail"]
        assert (await client.get("/v1/plugins/own")).status_code == 404
        await add(house)
        await client.post("/v1/plugins", json={"name": "own", "source": source})
        assert (await client.get("/v1/plugins/own")).json()["latest"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": "own"}, 400),
        ({"name": 5, "source": SOURCE}, 400),
        ({"name": "Own", "source": SOURCE}, 400),
        ({"name": "secrets", "source": SOURCE}, 400),
        ({"name": "own", "source": SOURCE, "colour": "red"}, 400),
        ({"name": "own", "source": SOURCE, "grants": {"hosts": "a.example"}}, 400),
        ({"name": "own", "source": SOURCE, "grants": {"hosts": [1]}}, 400),
        ({"name": "own", "source": SOURCE, "grants": {"seconds": 60}}, 400),
        ({"name": "own", "source": SOURCE, "grants": []}, 400),
        ({"name": "own", "source": SOURCE, "input_schema": {"type": "x"}}, 400),
        ({"name": "own", "source": SOURCE + "# {{secret:key}}"}, 403),
        ({"name": "own", "source": SOURCE + "#" * 70_000}, 413),
        ({"name": "own", "mcp": {"url": "https://a.example"}}, 400),
        ({"name": "own", "mcp": {"url": "https://a.example", "tools": ["a"], "headers": {"A": 1}}}, 400),
    ],
)
async def test_a_wrong_request_is_named(house: House, body: Json, status: int) -> None:
    """In a problem document; nothing is stored."""
    async with house.client() as client:
        answer = await client.post("/v1/plugins", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert not (await client.get("/v1/plugins")).json()["data"]


# -- trying ------------------------------------------------------------------------------------------------------------


async def test_a_plugin_is_tried(house: House, service: Loopback) -> None:
    """What it gave, printed, asked and took; a text that is not stored just as well."""
    service.on("GET /x", as_json({"a": 1}))
    source = (
        "def fetch_sources(query):\n    print('asking')\n"
        f"    got = fetch('{service.url}/x')\n    log(got['status'])\n"
        "    return [{'title': query, 'url': '', 'text': str(got['json'])}]\n"
    )
    grants = {"hosts": [service.url.removeprefix("http://")]}
    ran = await tried(house, "draft", {"query": "tea"}, source=source, grants=grants)
    assert ran["value"] == [{"title": "tea", "url": "", "text": "{'a': 1}"}]
    assert (ran["outcome"], ran["error"], ran["printed"], ran["logged"]) == ("ok", None, "asking\n", ["200"])
    assert (ran["fetches"], ran["hosts"], ran["bytes"]) == (1, ["127.0.0.1"], 8)
    await add(house, "own", source, grants=grants)
    assert (await tried(house, "own", "tea"))["value"] == ran["value"]
    changed = await tried(house, "own", "tea", source=source.replace("title': query", "title': 'new'"))
    assert changed["value"][0]["title"] == "new"
    assert (await tried(house, "own", "tea", version=1))["value"] == ran["value"]
    async with house.client() as client:
        shown = (await client.get("/v1/plugins/own")).json()
        assert shown["latest"] == 1
        assert (await client.post("/v1/plugins/none/test", json={"input": "tea"})).status_code == 404
        assert (await client.post("/v1/plugins/own/test", json={"input": 5})).status_code == 400
        assert (
            await client.post("/v1/plugins/own/test", json={"input": "a", "version": 9})
        ).status_code == 404
        rows = (await client.get("/v1/plugins/own/calls")).json()["data"]
    assert [(one["purpose"], one["version"]) for one in rows] == [("test", 1), ("test", 0), ("test", 1)]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("    while True:\n        pass\n", "plugin_stopped"),
        ("    return [query] * 10**9\n", "plugin_stopped"),
        ("    return {}['x']\n", "plugin_error"),
        ("    return open('/etc/passwd').read()\n", "plugin_error"),
        ("    return fetch('https://b.example/')\n", "not_granted"),
        ("    return fetch('http://169.254.169.254/latest/meta-data')\n", "not_granted"),
        ("    return 5\n", "plugin_failed"),
    ],
)
async def test_what_a_plugin_does_wrong_is_its_own(house: House, body: str, outcome: str) -> None:
    """It is stopped or refused, that is told and written down, and others go on meanwhile."""
    await add(house, "wrong", "def fetch_sources(query):\n" + body, grants={"seconds": 0.3})
    await add(house)
    begun = time.monotonic()
    ran, found = await asyncio.gather(
        tried(house, "wrong", "tea"), house.services.plugins.sources(house.tenant, "tea", TRACE, RUN)
    )
    assert time.monotonic() - begun < 3
    assert (ran["outcome"], ran["value"]) == (outcome, None)
    assert ran["error"]["message"]
    assert [one.plugin for one in found.findings] == ["own"]
    assert [one.called.outcome for one in found.ran] == ["ok", outcome]
    async with house.client() as client:
        rows = (await client.get("/v1/plugins/wrong/calls")).json()["data"]
    assert {one["outcome"] for one in rows} == {outcome}


# -- secrets and other tenants -----------------------------------------------------------------------------------------


async def test_a_secret_goes_to_granted_hosts_alone(
    house: House, service: Loopback, addresses: Addresses
) -> None:
    """Set, used, never shown: not by the API, not to the program, not in the database."""
    service.on("POST /hook", Answer((b"thanks for s3cret-value",), kind="text/plain"))
    source = (
        "def run(event):\n"
        f"    got = fetch('{service.url}/hook', method='POST', json=event, "
        "headers={'Authorization': 'Bearer {{secret:hook-key}}'})\n    return got['text']\n"
    )
    grants = {"hosts": [service.url.removeprefix("http://")], "secrets": ["hook-key"]}
    async with house.client() as client:
        kept = await client.put("/v1/plugins/secrets/hook-key", json={"value": "s3cret-value"})
        assert (kept.status_code, kept.content) == (204, b"")
        listed = (await client.get("/v1/plugins/secrets")).json()
        await add(house, "hook", source, grants=grants)
        (ran,) = await house.services.plugins.act(house.tenant, "document.finished", {"id": "doc_1"}, TRACE)
        assert ran.value == "thanks for [secret:hook-key]"
        shown = (await client.get("/v1/plugins/hook")).text + (
            await client.get("/v1/plugins/hook/calls")
        ).text
        elsewhere = source.replace(service.url, "http://127.0.0.1:9")
        refused = await tried(house, "hook", {}, source=elsewhere)
        assert (await client.delete("/v1/plugins/secrets/hook-key")).status_code == 204
        assert (await client.delete("/v1/plugins/secrets/hook-key")).status_code == 404
        without = await tried(house, "hook", {})
    assert [one["name"] for one in listed["data"]] == ["hook-key"]
    (asked,) = service.asked
    assert asked.headers["authorization"] == "Bearer s3cret-value"
    assert asked.body["id"] == "doc_1"
    assert refused["outcome"] == "not_granted"
    assert "not set" in without["error"]["message"]
    assert "s3cret-value" not in shown
    await house.services.plugins.keep_secret(principal_of(house), "hook-key", "s3cret-value")
    admin = await asyncpg.connect(addresses.admin)
    try:
        for table in TABLES:
            text = await admin.fetchval(f"select string_agg(t::text, ' ') from public.{table} t")
            assert "s3cret-value" not in (text or "")
            assert b"s3cret-value".hex() not in (text or "")
    finally:
        await admin.close()


def principal_of(house: House) -> Principal:
    """The tenant's caller, as the desk knows one."""
    return Principal(house.tenant, "key_test")


async def test_another_tenant_finds_nothing(house: House) -> None:
    """Each route answers 404, or an empty list; the same name is free for it."""
    await add(house)
    async with house.client() as client:
        await client.put("/v1/plugins/secrets/key", json={"value": "s3cret-value"})
    await tried(house, "own", "tea")
    async with house.client(house.other_key) as other:
        for method, path, body in (
            ("GET", "/v1/plugins/own", None),
            ("GET", "/v1/plugins/own/versions", None),
            ("GET", "/v1/plugins/own/calls", None),
            ("POST", "/v1/plugins/own/test", {"input": "tea"}),
            ("POST", "/v1/plugins/own/enable", None),
            ("POST", "/v1/plugins/own/disable", None),
            ("PUT", "/v1/plugins/own/active", {"version": 1}),
            ("DELETE", "/v1/plugins/own", None),
            ("DELETE", "/v1/plugins/secrets/key", None),
            ("GET", "/v1/plugins/own%00", None),
        ):
            answer = await other.request(method, path, json=body)
            assert answer.status_code == 404, f"{method} {path}: {answer.text}"
        for path in ("/v1/plugins", "/v1/plugins?after=own", "/v1/plugins/secrets"):
            assert (await other.get(path)).json() == {"data": [], "next": None}
        mine = await other.post("/v1/plugins", json={"name": "own", "source": SOURCE})
        assert (mine.status_code, mine.json()["version"]) == (201, 1)
    async with house.client() as client:
        assert (await client.get("/v1/plugins/own")).json()["enabled"] is True
        assert len((await client.get("/v1/plugins/secrets")).json()["data"]) == 1


async def test_rows_are_out_of_another_tenants_reach(house: House, addresses: Addresses) -> None:
    """Also through SQL, as the app's own login; a version and a call are changed by nobody, a secret read by none."""
    await add(house)
    async with house.client() as client:
        await client.put("/v1/plugins/secrets/key", json={"value": "s3cret-value"})
    await tried(house, "own", "tea")
    app = await asyncpg.connect(addresses.app)
    try:
        for tenant, seen in ((str(house.tenant), True), (str(house.services.ids.uuid()), False)):
            async with app.transaction():
                await act_as(app, tenant)
                for table in TABLES:
                    assert bool(await app.fetchval(f"select count(*) from public.{table}")) is seen
                if not seen:
                    assert await app.execute("update public.plugins set enabled = false") == "UPDATE 0"
                    assert await app.execute("delete from public.plugins") == "DELETE 0"
                    assert await app.execute("delete from public.plugin_secrets") == "DELETE 0"
        for statement in (
            "select sealed from public.plugin_secrets",
            "select * from public.plugin_secrets",
            "update public.plugin_versions set source = ''",
            "delete from public.plugin_versions",
            "update public.plugin_calls set outcome = 'ok'",
            "delete from public.plugin_calls",
            "truncate public.plugin_calls",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with app.transaction():
                    await act_as(app, str(house.tenant))
                    await app.execute(statement)
    finally:
        await app.close()


async def act_as(app: Any, tenant: str) -> None:
    """Be this tenant for the transaction, with the app's own login."""
    claims = json.dumps({"role": "authenticated", "tenant_id": tenant})
    await app.execute("select set_config('role', 'authenticated', true)")
    await app.execute("select set_config('request.jwt.claims', $1, true)", claims)


# -- the command line --------------------------------------------------------------------------------------------------


async def test_the_command_line_does_it_all(house: House, tmp_path: Path) -> None:
    """add, test, list, disable, enable, secret; JSON lines where asked; exit code 1 where the plugin fails."""

    async def cli(*words: str, stdin: str = "") -> tuple[int, list[Json], str]:
        options = ["--json", "--url", house.url, "--key", house.key]
        done = await asyncio.to_thread(CliRunner().invoke, verbs, [*words, *options], input=stdin)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return done.exit_code, lines, str(done.exception or "")

    file = tmp_path / "My_Source.py"
    file.write_text(SOURCE)
    code, (made,), _ = await cli("add", str(file), "--host", "a.example", "--secret", "key")
    assert (code, made["name"], made["version"]) == (0, "my-source", 1)
    assert (made["grants"]["hosts"], made["grants"]["secrets"]) == (["a.example"], ["key"])
    for given in ('{"query": "tea"}', '"tea"', "tea"):
        code, (ran,), _ = await cli("test", "my-source", "--input", given)
        assert (code, ran["value"][0]["text"]) == (0, "tea")
    file.write_text(SOURCE.replace("return", "raise ValueError('no')\n    return"))
    code, (ran,), _ = await cli("test", "my-source", "--input", "tea", "--source", str(file))
    assert (code, ran["outcome"]) == (1, "plugin_error")
    assert (await cli("disable", "my-source"))[1][0]["enabled"] is False
    assert [(one["name"], one["enabled"]) for one in (await cli("list"))[1]] == [("my-source", False)]
    assert (await cli("enable", "my-source"))[1][0]["enabled"] is True
    assert (await cli("secret", "key", stdin="s3cret-value\n"))[1] == [{"name": "key", "set": True}]
    assert [name for name, _ in await house.services.plugins.secret_names(principal_of(house))] == ["key"]
    assert (await cli("secret", "key", "--forget"))[1] == [{"name": "key", "set": False}]
    file.write_text("def fetch_sources(query):\n    return [\n")
    code, _, said = await cli("add", str(file))
    assert code == 1
    assert "line" in said
    for words in (("add", str(tmp_path / "none.py")), ("secret", "key"), ("test", "a/b", "--input", "x")):
        code, lines, _ = await cli(*words)
        assert (code, lines) == (1, [])
