"""The shipped plugins, in the real sandbox, against doubles of the services that they call."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.sandbox.monty import MontySandbox
from shared.core.ids import TenantId
from shared.core.tenant import Principal
from shared.fakes.clock import CountingIds, FakeClock
from shared.fakes.plugins import MemoryPluginCalls, MemoryPlugins, MemoryPluginSecrets, MemoryPluginVersions
from shared.fakes.sealer import MemorySealer
from shared.plugins import calling
from shared.plugins.calling import PluginRan, Stores
from shared.plugins.desk import Desk
from shared.plugins.manifest import Draft
from tests.unit.loopback import Answer, Loopback, as_json, loopback
from tests.unit.mcp_server import Wire

FOLDER = Path(__file__).parents[2] / "examples" / "plugins"
PAYLOAD = {"id": "doc_1", "title": "Tea <!channel>\n& biscuits", "text": "First.\n\nSecond: {{secret:key}}."}


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk over memory and the real sandbox; its way out goes to loopback."""
    plugins = MemoryPlugins()
    stores = Stores(plugins, MemoryPluginVersions(plugins), MemoryPluginSecrets(), MemoryPluginCalls())
    made = Desk(stores, MemorySealer(), MontySandbox(workers=2), Wire(), FakeClock(), CountingIds())
    yield made
    await made.close()


@pytest.fixture
def service() -> Iterator[Loopback]:
    """The service that a plugin calls."""
    with loopback() as served:
        yield served


class Shipped:
    """One example, added with its address turned to loopback."""

    def __init__(self, desk: Desk, service: Loopback, tenant: TenantId) -> None:
        self.desk, self.service, self.who = desk, service, Principal(tenant, "key_1")

    async def add(self, file: str, home: str, secret: str = "", value: str = "", **more: Any) -> None:
        """As the example's own text says."""
        source = (FOLDER / file).read_text("utf-8")
        assert home in source
        if secret:
            await self.desk.keep_secret(self.who, secret, value)
        draft = Draft(
            Path(file).stem,
            source.replace(home, self.service.url),
            hosts=(self.service.url.removeprefix("http://"),),
            secrets=(secret,) if secret else (),
            **more,
        )
        await self.desk.add(self.who, draft)

    async def act(self) -> PluginRan:
        """Tell the event to the only action."""
        (ran,) = await self.desk.act(self.who.tenant, "document.finished", PAYLOAD, None)
        return ran


@pytest.fixture
def shipped(desk: Desk, service: Loopback, tenant: TenantId, monkeypatch: pytest.MonkeyPatch) -> Shipped:
    monkeypatch.setattr(calling, "_PAUSES", (0.0, 0.0))
    return Shipped(desk, service, tenant)


async def test_slack_is_told(shipped: Shipped) -> None:
    """One line, at the webhook that the secret names, without markup of the title's."""
    shipped.service.on("POST /services/T0/B0/xyz-xyz", Answer((b"ok",), kind="text/plain"))
    await shipped.add("slack.py", "https://hooks.slack.com", "slack-path", "T0/B0/xyz-xyz")
    ran = await shipped.act()
    assert (ran.called.outcome, ran.called.fetches) == ("ok", 1)
    (asked,) = shipped.service.asked
    assert asked.body == {"text": "Tea &lt;!channel&gt;\n&amp; biscuits: finished"}


async def test_slack_is_told_again_where_it_was_busy(shipped: Shipped) -> None:
    """A limit passes; a webhook that is gone does not."""
    route, ok = "POST /services/T0/B0/xyz-xyz", Answer((b"ok",), kind="text/plain")
    shipped.service.on(route, Answer((b"slow",), 429), ok)
    await shipped.add("slack.py", "https://hooks.slack.com", "slack-path", "T0/B0/xyz-xyz")
    assert ((await shipped.act()).called.outcome, len(shipped.service.asked)) == ("ok", 2)
    shipped.service.on(route, Answer((b"no_service",), 404), ok)
    gone = await shipped.act()
    assert (gone.called.outcome, len(shipped.service.asked)) == ("plugin_error", 3)
    assert gone.called.message.startswith("ValueError: Slack answered 404: no_service")


async def test_linear_gets_an_issue(shipped: Shipped) -> None:
    """With the key in its header; an error of GraphQL, which comes with a 200, is one."""
    made = {"data": {"issueCreate": {"success": True, "issue": {"identifier": "DOC-7", "url": "https://l"}}}}
    shipped.service.on("POST /graphql", as_json(made), as_json({"errors": [{"message": "no team"}]}))
    await shipped.add("linear.py", "https://api.linear.app", "linear-key", "lin_api_secret")
    ran = await shipped.act()
    assert ran.value == {"issue": "DOC-7", "url": "https://l"}
    (asked,) = shipped.service.asked
    assert asked.headers["Authorization"] == "lin_api_secret"
    assert asked.body["variables"]["input"]["title"] == "Tea <!channel>\n& biscuits: finished"
    assert (await shipped.act()).called.outcome == "plugin_error"


async def test_jira_gets_a_task(shipped: Shipped) -> None:
    """In Jira's own format of a text, a paragraph each; a secret's mark in a document stays a text."""
    shipped.service.on("POST /rest/api/3/issue", as_json({"key": "DOC-1"}, 201))
    await shipped.add("jira.py", "https://your-site.atlassian.net", "jira-basic", "eW91OnRva2Vu")
    assert (await shipped.act()).value == {"issue": "DOC-1"}
    (asked,) = shipped.service.asked
    assert asked.headers["Authorization"] == "Basic eW91OnRva2Vu"
    fields = asked.body["fields"]
    assert fields["summary"] == "Tea <!channel> & biscuits"
    assert [part["content"][0]["text"] for part in fields["description"]["content"]] == [
        "First.",
        "Second: {{secret:key}}.",
    ]


async def test_wikipedia_is_a_source(shipped: Shipped) -> None:
    """The question is escaped; each page is a finding; none is none."""
    pages = {"1": {"title": "Tea", "fullurl": "https://en.wikipedia.org/wiki/Tea", "extract": "A leaf."}}
    shipped.service.on("GET /w/api.php", as_json({"query": {"pages": pages}}), as_json({"batchcomplete": ""}))
    await shipped.add("wikipedia.py", "https://en.wikipedia.org")
    found = await shipped.desk.sources(shipped.who.tenant, "tea & milk?", None, None)
    assert [(one.title, one.url, one.text) for one in found.findings] == [
        ("Tea", "https://en.wikipedia.org/wiki/Tea", "A leaf.")
    ]
    assert "gsrsearch=tea%20%26%20milk%3F" in shipped.service.asked[0].path
    assert not (await shipped.desk.sources(shipped.who.tenant, "nothing", None, None)).findings


def test_every_example_is_tested() -> None:
    """And says how it is added, by its own name."""
    names = {path.name for path in FOLDER.glob("*.py")}
    assert names == {"slack.py", "linear.py", "jira.py", "wikipedia.py"}
    for name in names:
        assert f"chatsmart plugins add examples/plugins/{name} --host " in (FOLDER / name).read_text("utf-8")


async def test_an_echo_in_the_real_sandbox_brings_no_secret(shipped: Shipped) -> None:
    """What is printed, logged and returned holds the mark, never the value."""
    shipped.service.on(
        "GET /", Answer((json.dumps("s3cret-value").encode(),), headers={"Echo": "s3cret-value"})
    )
    source = (
        f'def run(event):\n    got = fetch("{shipped.service.url}/", headers={{"K": "{{{{secret:key}}}}"}})\n'
        '    print(got, "{{secret:key}}")\n    log("{{secret:key}}")\n    return got\n'
    )
    await shipped.desk.keep_secret(shipped.who, "key", "s3cret-value")
    await shipped.desk.add(shipped.who, Draft("echo", source, secrets=("key",), hosts=("127.0.0.1",)))
    ran = await shipped.desk.call(shipped.who, "echo", {})
    assert shipped.service.asked[0].headers["K"] == "s3cret-value"
    assert "s3cret-value" not in repr(ran)
    assert ran.value["text"] == '"[secret:key]"'
    assert ran.logged == ("{{secret:key}}",)
    assert ran.printed.endswith("{{secret:key}}\n")
