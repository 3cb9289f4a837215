"""Plugins are kept, switched and called; what one does wrong stays with its own call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.core.faults import (
    BadPlugin,
    BadRequest,
    Conflict,
    NotGranted,
    NotYours,
    Overloaded,
    PluginError,
    PluginFault,
    TooFast,
    Unavailable,
)
from shared.core.ids import RunId, TenantId, TraceId
from shared.core.tenant import Principal
from shared.plugins import calling
from shared.plugins.manifest import Draft
from shared.ports.fetch import Fetched
from shared.ports.plugins import Called
from tests.unit.plugin_house import PluginHouse

TRACE, RUN = TraceId("ab" * 16), RunId("doc_" + "ab" * 16)
HIT = [{"title": "A", "url": "https://a.example/1", "text": "words"}]
Fetching = Callable[..., Awaitable[Any]]


@pytest.fixture
def house(tenant: TenantId) -> PluginHouse:
    return PluginHouse(tenant)


async def brings(_source: str, _fetch: Fetching, query: str) -> Any:
    """A source that knows something of everything."""
    return [item | {"text": f"{query}: {item['text']}"} for item in HIT]


async def raises(_source: str, _fetch: Fetching, **_given: Any) -> Any:
    """A program with a defect."""
    raise PluginError("KeyError: 'x'")


async def notes(house: PluginHouse, name: str) -> list[Called]:
    """A plugin's calls, oldest first."""
    return list(await house.calls.listed(house.tenant, name, None, 50))[::-1]


# -- keeping -----------------------------------------------------------------------------------------------------------


async def test_a_text_that_can_not_run_is_not_stored(house: PluginHouse) -> None:
    """Neither a plugin nor a version of one that is there."""
    with pytest.raises(BadPlugin):
        await house.desk.add(house.who, Draft("a", "def run(event): bad"))
    assert not await house.desk.listed(house.who, None, 9)
    await house.add("a", brings)
    with pytest.raises(BadPlugin):
        await house.desk.add(house.who, Draft("a", "def fetch_sources(query): bad"))
    assert [one.number for one in await house.desk.versions(house.who, "a", None, 9)] == [1]


async def test_another_tenant_finds_nothing(house: PluginHouse, other_tenant: TenantId) -> None:
    """Each verb says that there is no such plugin."""
    await house.add("a", brings)
    await house.desk.call(house.who, "a", "tea")
    other = Principal(other_tenant, "key_2")
    for verb in (
        house.desk.get(other, "a"),
        house.desk.version(other, "a", 1),
        house.desk.versions(other, "a", None, 9),
        house.desk.switch(other, "a", on=False),
        house.desk.activate(other, "a", 1),
        house.desk.remove(other, "a"),
        house.desk.calls(other, "a", None, 9),
        house.desk.call(other, "a", "tea"),
        house.desk.forget_secret(other, "key"),
        house.desk.get(house.who, "a\x00"),
    ):
        with pytest.raises(NotYours):
            await verb
    assert not (await house.desk.sources(other_tenant, "tea", None, None)).ran


async def test_a_tenant_has_so_many(house: PluginHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins and secrets; a further version, or another value, is always possible."""
    monkeypatch.setattr("shared.plugins.desk.MOST_PLUGINS", 1)
    monkeypatch.setattr("shared.plugins.desk.MOST_SECRETS", 1)
    await house.add("a", brings)
    await house.add("a", brings)
    with pytest.raises(Conflict):
        await house.add("b", brings)
    await house.desk.keep_secret(house.who, "one", "value")
    await house.desk.keep_secret(house.who, "one", "other")
    with pytest.raises(Conflict):
        await house.desk.keep_secret(house.who, "two", "value")


@pytest.mark.parametrize("value", ["", "a\nb", "a\x00", "\ud800", "x" * 9000])
async def test_a_secret_is_one_line(house: PluginHouse, value: str) -> None:
    """It may stand in a header."""
    with pytest.raises(BadRequest):
        await house.desk.keep_secret(house.who, "key", value)


# -- calling -----------------------------------------------------------------------------------------------------------


async def test_a_call_is_written_down(house: PluginHouse) -> None:
    """Who, which text, for which trace, what was asked outside; neither input nor value."""

    async def asks(_source: str, fetch: Fetching, query: str) -> Any:
        await fetch("https://a.example/x")
        await fetch("https://a.example/y")
        return [{"title": query, "text": "found"}]

    await house.add("a", asks, hosts=("a.example",))
    house.host.answer = lambda request: Fetched(200, {}, b"12345", request.url)
    ran = await house.desk.call(house.who, "a", {"query": "tea"}, TRACE, RUN)
    version = await house.desk.version(house.who, "a")
    assert ran.value == [{"title": "tea", "text": "found"}]
    assert await notes(house, "a") == [ran.called]
    called = ran.called
    assert (called.actor, called.plugin, called.version, called.sha256) == ("key_1", "a", 1, version.sha256)
    assert (called.trace, called.run, called.purpose, called.outcome) == (TRACE, RUN, "call", "ok")
    assert (called.hosts, called.fetches, called.size) == (("a.example",), 2, 10)
    assert "tea" not in repr(called)


async def test_grants_bound_the_program(house: PluginHouse) -> None:
    """Its seconds and its memory are those of the manifest."""
    await house.add("a", brings, seconds=0.5, memory_mib=8)
    await house.desk.call(house.who, "a", "tea")
    assert (house.programs.bounds[0].seconds, house.programs.bounds[0].memory) == (0.5, 8 * 2**20)


async def test_whose_fault_it_is_is_told(house: PluginHouse) -> None:
    """A wrong input is the caller's; whatever the program or its host does is the plugin's; a store is ours."""
    await house.add("a", brings, input_schema={"type": "string"})
    with pytest.raises(BadRequest):
        await house.desk.call(house.who, "a", 5)
    with pytest.raises(BadRequest):
        await house.desk.call(house.who, "a", {"query": "tea"})
    assert not await notes(house, "a")

    async def wrong(_source: str, fetch: Fetching, query: str) -> Any:
        return await fetch("nowhere", method=query)

    async def down(_source: str, fetch: Fetching, query: str) -> Any:
        raise Overloaded("The host is down.")

    async def broken(_source: str, fetch: Fetching, query: str) -> Any:
        raise ZeroDivisionError

    async def ours(_source: str, fetch: Fetching, query: str) -> Any:
        raise Unavailable("There is no worker.")

    for name, body, kind in (("b", wrong, PluginError), ("c", down, PluginError), ("d", raises, PluginError)):
        await house.add(name, body)
        with pytest.raises(kind):
            await house.desk.call(house.who, name, "TEAPOT")
        assert [one.outcome for one in await notes(house, name)] == ["plugin_error"]
    for name, body in (("e", ours), ("f", broken)):
        await house.add(name, body)
        with pytest.raises(Exception, match=r"worker|could not be called") as fault:
            await house.desk.call(house.who, name, "tea")
        assert not isinstance(fault.value, PluginFault)
        assert [one.outcome for one in await notes(house, name)] == [
            "unavailable" if name == "e" else "internal_error"
        ]


@pytest.mark.parametrize(
    "value",
    [None, "words", [1], {"title": "A"}, [{"title": 1}], [{"text": ["x"]}]],
)
async def test_a_source_brings_findings_or_fails(house: PluginHouse, value: Any) -> None:
    """A list of {title, url, text}, and nothing else."""

    async def gives(_source: str, _fetch: Fetching, query: str) -> Any:
        return value

    await house.add("a", gives)
    with pytest.raises(PluginFault):
        await house.desk.call(house.who, "a", "tea")


async def test_a_promise_is_kept(house: PluginHouse) -> None:
    """A value that the output schema does not allow is the plugin's fault."""

    async def gives(_source: str, _fetch: Fetching, event: Any) -> Any:
        return {"done": event["x"]}

    schema = {"type": "object", "properties": {"done": {"type": "boolean"}}}
    await house.add("a", gives, kind="action", output_schema=schema)
    assert (await house.desk.call(house.who, "a", {"x": True})).value == {"done": True}
    with pytest.raises(PluginFault, match="output_schema"):
        await house.desk.call(house.who, "a", {"x": 1})


async def test_a_disabled_plugin_is_called_no_more(house: PluginHouse) -> None:
    """Neither by name nor as a source; it may still be tried, and come back."""
    await house.add("a", brings)
    await house.desk.switch(house.who, "a", on=False)
    with pytest.raises(Conflict):
        await house.desk.call(house.who, "a", "tea")
    assert not (await house.desk.sources(house.tenant, "tea", TRACE, RUN)).ran
    assert (await house.desk.try_(house.who, await house.desk.version(house.who, "a"), "tea")).fault is None
    await house.desk.switch(house.who, "a", on=True)
    assert (await house.desk.sources(house.tenant, "tea", TRACE, RUN)).findings


async def test_the_active_version_is_called(house: PluginHouse) -> None:
    """Whichever that is at the moment of the call."""
    await house.add("a", brings)
    house.programs.bodies["# a two"] = brings
    await house.desk.add(house.who, Draft("a", "def fetch_sources(query): ...  # a two"))
    assert (await house.desk.call(house.who, "a", "tea")).called.version == 2
    await house.desk.activate(house.who, "a", 1)
    assert (await house.desk.call(house.who, "a", "tea")).called.version == 1
    with pytest.raises(NotYours):
        await house.desk.activate(house.who, "a", 3)


async def test_a_program_never_holds_a_secret(house: PluginHouse) -> None:
    """What runs is the text with tagged marks; the host gets the value; its echo is taken out."""
    seen: list[str] = []

    async def leaks(source: str, fetch: Fetching, query: str) -> Any:
        seen.append(source)
        header = source.split("<")[1].split(">", maxsplit=1)[0]
        got = await fetch("https://a.example/", headers={"K": header, "Q": query})
        return [{"title": "echo", "text": got["text"]}]

    house.host.answer = lambda request: Fetched(200, {}, request.headers["K"].encode(), request.url)
    await house.add("a", leaks, text="<{{secret:key}}>", hosts=("a.example",), secrets=("key",))
    with pytest.raises(PluginError, match="not set"):
        await house.desk.call(house.who, "a", "tea")
    await house.desk.keep_secret(house.who, "key", "s3cret-value")
    ran = await house.desk.call(house.who, "a", "{{secret:key}}")
    assert house.host.asked[0].headers == {"K": "s3cret-value", "Q": "{{secret:key}}"}
    assert ran.value == [{"title": "echo", "text": "[secret:key]"}]
    assert not any("s3cret-value" in source for source in seen)


async def test_a_text_that_names_another_secret_is_refused(house: PluginHouse) -> None:
    """Before it is stored."""
    with pytest.raises(NotGranted):
        await house.add("a", brings, text="{{secret:key}}", secrets=("other",))


async def test_few_calls_of_a_tenant_run_at_once(
    house: PluginHouse, monkeypatch: pytest.MonkeyPatch, other_tenant: TenantId
) -> None:
    """Further ones wait, and are told in the end; another tenant's are not held up."""
    monkeypatch.setattr(calling, "WAIT_SECONDS", 0.05)
    running, most, gate = 0, 0, asyncio.Event()

    async def waits(_source: str, _fetch: Fetching, query: str) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if query == "tea":
            await gate.wait()
        running -= 1
        return HIT

    await house.add("a", waits)
    tasks = [asyncio.create_task(house.desk.call(house.who, "a", "tea")) for _ in range(6)]
    other = Principal(other_tenant, "key_2")
    await house.desk.add(other, Draft("a", "def fetch_sources(query): ...  # a "))
    await asyncio.sleep(0.02)
    assert (await house.desk.call(other, "a", "coffee")).value == HIT
    await asyncio.sleep(0.1)
    gate.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, TooFast) for one in done) == 6 - calling.AT_ONCE
    assert most == calling.AT_ONCE + 1


async def test_a_call_that_is_broken_off_is_written_down(house: PluginHouse) -> None:
    """What it did outside is done; its place is free again."""
    begun = asyncio.Event()

    async def hangs(_source: str, _fetch: Fetching, query: str) -> Any:
        begun.set()
        await asyncio.Event().wait()

    await house.add("a", hangs)
    task = asyncio.create_task(house.desk.call(house.who, "a", "tea"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [one.outcome for one in await notes(house, "a")] == ["plugin_stopped"]


# -- sources and actions -----------------------------------------------------------------------------------------------


async def test_all_sources_are_asked_at_once(house: PluginHouse) -> None:
    """One that fails is reported beside what the others bring; an action is not asked."""
    meeting = asyncio.Barrier(2)

    async def meets(_source: str, _fetch: Fetching, query: str) -> Any:
        await meeting.wait()
        return await brings(_source, _fetch, query)

    await house.add("a", meets)
    await house.add("b", raises)
    await house.add("c", meets)
    await house.add("d", brings, kind="action")
    found = await house.desk.sources(house.tenant, "tea", TRACE, RUN)
    assert [(one.plugin, one.version, one.text) for one in found.findings] == [
        ("a", 1, "tea: words"),
        ("c", 1, "tea: words"),
    ]
    assert [(one.called.plugin, one.called.outcome) for one in found.ran] == [
        ("a", "ok"),
        ("b", "plugin_error"),
        ("c", "ok"),
    ]
    assert {one.called.trace for one in found.ran} == {TRACE}


async def test_a_source_that_hangs_is_left_behind(
    house: PluginHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' findings are there in time."""
    monkeypatch.setattr(calling, "SOURCE_SECONDS", 1.1)

    async def hangs(_source: str, _fetch: Fetching, query: str) -> Any:
        await asyncio.Event().wait()

    await house.add("a", hangs)
    await house.add("b", brings)
    found = await house.desk.sources(house.tenant, "tea", TRACE, RUN)
    assert [one.plugin for one in found.findings] == ["b"]
    assert [one.called.outcome for one in found.ran] == ["plugin_stopped", "ok"]
    assert [one.outcome for one in await notes(house, "a")] == ["plugin_stopped"]


async def test_findings_are_bounded_and_clean(house: PluginHouse) -> None:
    """So many, so long; an address of the web or none; nothing that Postgres chokes on."""

    async def floods(_source: str, _fetch: Fetching, query: str) -> Any:
        hit = {"title": " a\nb " * 500, "url": "javascript:alert(1)", "text": "\x00\ud800" + "x" * 10**5}
        return [hit] * 50 + [{"text": " "}]

    await house.add("a", floods)
    found = (await house.desk.sources(house.tenant, "tea", TRACE, RUN)).findings
    assert len(found) == 20
    assert {(len(one.title), one.url, len(one.text)) for one in found} == {(300, "", 20_000)}
    assert all(one.text.startswith("?x") for one in found)


async def test_an_event_reaches_those_who_want_it(house: PluginHouse) -> None:
    """With its payload; by name of the event."""
    told: list[Any] = []

    async def takes(_source: str, _fetch: Fetching, event: Any) -> Any:
        told.append(event)

    await house.add("a", takes, kind="action")
    await house.add("b", takes, kind="action", events=())
    await house.add("c", brings)
    ran = await house.desk.act(house.tenant, "document.finished", {"id": "doc_1"}, TRACE)
    assert [(one.called.plugin, one.called.purpose, one.called.outcome) for one in ran] == [
        ("a", "action", "ok")
    ]
    assert told == [{"id": "doc_1", "name": "document.finished", "trace": TRACE, "run": None}]


@pytest.mark.parametrize(
    ("statuses", "attempts", "outcome"),
    [
        ([503, 429, 200], [1, 2, 3], "ok"),
        ([503, 503, 503, 200], [1, 2, 3], "plugin_error"),
        ([400, 200], [1], "plugin_error"),
    ],
)
async def test_an_action_is_tried_again_where_it_may_help(
    house: PluginHouse,
    monkeypatch: pytest.MonkeyPatch,
    statuses: list[int],
    attempts: list[int],
    outcome: str,
) -> None:
    """A busy host, twice more at most; a refusal is final."""
    monkeypatch.setattr(calling, "_PAUSES", (0.0, 0.0))
    waiting = iter(statuses)
    house.host.answer = lambda request: Fetched(next(waiting), {}, b"", request.url)

    async def posts(_source: str, fetch: Fetching, event: Any) -> Any:
        got = await fetch("https://a.example", method="POST")
        if got["status"] != 200:
            raise PluginError(f"ValueError: {got['status']}")

    await house.add("a", posts, kind="action", hosts=("a.example",))
    (ran,) = await house.desk.act(house.tenant, "document.finished", {}, TRACE)
    assert ran.called.outcome == outcome
    assert [one.attempt for one in await notes(house, "a")] == attempts
