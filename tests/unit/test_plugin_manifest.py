"""What a plugin may be called, ask for and be made of."""

from dataclasses import replace
from typing import Any

import pytest

from shared.core.faults import BadRequest, Fault, NotGranted, TooLarge
from shared.plugins.manifest import MOST_SOURCE, Draft, digest_of, manifest_of
from shared.ports.plugins import Grants, Remote

SOURCE = "def fetch_sources(query):\n    return []\n"
ACTION = "async def run(event):\n    return None\n"
REMOTE = Remote("https://mcp.example/mcp", ("find",))


def test_a_kind_is_seen_by_what_is_defined() -> None:
    """fetch_sources is a source, run an action, another server an mcp; one that is said must fit."""
    assert manifest_of(Draft("a", SOURCE)).kind == "source"
    assert manifest_of(Draft("a", ACTION)).kind == "action"
    assert manifest_of(Draft("a", SOURCE + ACTION, kind="action")).kind == "action"
    assert manifest_of(Draft("a", remote=REMOTE)).kind == "mcp"


def test_what_is_left_out_is_the_houses_default() -> None:
    """No host, no secret; an action is for finished documents; another server's host is its own grant."""
    assert manifest_of(Draft("a", SOURCE)).grants == Grants()
    assert manifest_of(Draft("a", ACTION)).events == ("document.finished",)
    assert manifest_of(Draft("a", remote=REMOTE)).grants.hosts == ("mcp.example",)
    assert manifest_of(Draft("a", remote=replace(REMOTE, url="https://x:8443/m"))).grants.hosts == ("x:8443",)


def test_hosts_are_kept_in_one_form() -> None:
    """Lower case, without a final dot or the usual port, once each."""
    hosts = ("API.Example.com.", "api.example.com:443", "*.b.example", "c.example:8443")
    assert manifest_of(Draft("a", SOURCE, hosts=hosts)).grants.hosts == (
        "api.example.com",
        "*.b.example",
        "c.example:8443",
    )


@pytest.mark.parametrize(
    ("wrong", "kind", "param"),
    [
        ({"name": "Big"}, BadRequest, "name"),
        ({"name": ""}, BadRequest, "name"),
        ({"name": "secrets"}, BadRequest, "name"),
        ({"name": "a" * 49}, BadRequest, "name"),
        ({"name": "a\n"}, BadRequest, "name"),
        ({"source": ""}, BadRequest, "source"),
        ({"source": "x = 1"}, BadRequest, "source"),
        ({"source": SOURCE + ACTION}, BadRequest, "source"),
        ({"source": SOURCE + "#\x00"}, BadRequest, "source"),
        ({"source": SOURCE + "#\ud800"}, BadRequest, "source"),
        ({"source": SOURCE + "#" * MOST_SOURCE}, TooLarge, "source"),
        ({"kind": "action"}, BadRequest, "source"),
        ({"kind": "tool"}, BadRequest, "kind"),
        ({"kind": "mcp"}, BadRequest, "mcp"),
        ({"remote": REMOTE}, BadRequest, "mcp"),
        ({"hosts": ("https://a.example",)}, BadRequest, "grants.hosts"),
        ({"hosts": ("a.example/path",)}, BadRequest, "grants.hosts"),
        ({"hosts": ("*",)}, BadRequest, "grants.hosts"),
        ({"hosts": ("*.com",)}, BadRequest, "grants.hosts"),
        ({"hosts": ("a b",)}, BadRequest, "grants.hosts"),
        ({"hosts": ("user@a.example",)}, BadRequest, "grants.hosts"),
        ({"hosts": tuple(f"h{n}.example" for n in range(21))}, BadRequest, "grants"),
        ({"secrets": ("No",)}, BadRequest, "grants.secrets"),
        ({"seconds": 11}, BadRequest, "grants.seconds"),
        ({"seconds": float("nan")}, BadRequest, "grants.seconds"),
        ({"memory_mib": 1000}, BadRequest, "grants.memory_mib"),
        ({"fetches": 51}, BadRequest, "grants.fetches"),
        ({"events": ("document.finished",)}, BadRequest, "events"),
        ({"source": ACTION, "events": ("tea.time",)}, BadRequest, "events"),
        ({"input_schema": {"type": "nonsense"}}, BadRequest, "response_format"),
        ({"source": SOURCE + "# {{secret:key}}"}, NotGranted, None),
    ],
)
def test_what_can_not_be_is_refused(wrong: dict[str, Any], kind: type[Fault], param: str | None) -> None:
    """By name of the field, before anything runs or is stored."""
    with pytest.raises(kind) as refused:
        manifest_of(Draft(**{"name": "a", "source": SOURCE} | wrong))
    assert refused.value.param == param


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://a/b"},
        {"url": "https://"},
        {"url": "https://me:pass@a/b"},
        {"url": "https://a:99999/b"},
        {"url": "https://a/{{secret:key}}"},
        {"tools": ()},
        {"tools": ("a b",)},
        {"headers": {"A:": "b"}},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"A": "{{secret:other}}"}},
        {"argument": ""},
    ],
)
def test_another_server_is_named_plainly(wrong: dict[str, Any]) -> None:
    """Its address, its tools, its headers and the argument."""
    with pytest.raises((BadRequest, NotGranted)):
        manifest_of(Draft("a", remote=replace(REMOTE, **wrong), secrets=("key",)))


def test_a_digest_names_text_and_grants() -> None:
    """Equal for equals, another one for any change."""
    manifest = manifest_of(Draft("a", SOURCE))
    wider = manifest_of(Draft("a", SOURCE, hosts=("a.example",)))
    digests = {digest_of(SOURCE, manifest), digest_of(SOURCE + "#", manifest), digest_of(SOURCE, wider)}
    assert len(digests) == 3
    assert digest_of(SOURCE, manifest_of(Draft("b", SOURCE))) == digest_of(SOURCE, manifest)
