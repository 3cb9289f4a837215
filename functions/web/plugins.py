"""Plugins of the caller's tenant: their versions, what they are granted, their secrets, trying and switching them."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from functions.web.describe import describe
from functions.web.errors import Invalid
from functions.web.fields import Fields, wrong_type
from functions.web.reply import Json
from functions.web.request import Caller, engine, json_body

if TYPE_CHECKING:
    from shared.core.tenant import Principal
    from shared.plugins.calling import PluginRan
    from shared.plugins.desk import Desk
    from shared.plugins.manifest import Draft
    from shared.ports.plugins import Called, Grants, Plugin, Version

router = APIRouter(tags=["plugins"])
_FIELDS = frozenset(
    ("name", "source", "kind", "grants", "events", "mcp", "input_schema", "output_schema", "activate")
)
_TRIED = (_FIELDS - {"name", "activate"}) | {"input", "version"}
_GRANTS = frozenset(("hosts", "secrets", "seconds", "memory_mib", "fetches"))
_MCP = frozenset(("url", "tools", "headers", "argument"))
_MOST = 10**9
_PRIVATE = {"cache-control": "no-store"}
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
_NAME = r"^[a-z][a-z0-9-]{0,47}$"
_CALL = r"^call_[0-9a-f]{32}$"


@router.post(
    "/v1/plugins", **describe("Plugin", "The plugin with its new version", body="PluginRequest", status=201)
)
async def add(request: Request, caller: Caller) -> Response:
    """Add a plugin, or a version of one: live from the next call on, unless `activate` is false. Text that can't run is
    refused with its line and column, and nothing is stored."""
    given = Fields(await json_body(request))
    _only(given, _FIELDS)
    plugin, version = await _desk(request).add(caller, _draft(given, given.text("name")))
    return Json(_plugin(plugin) | _version(version), status_code=201, headers=_PRIVATE)


@router.get("/v1/plugins", **describe("PluginList", "A page, newest first"))
async def listed(
    request: Request,
    caller: Caller,
    after: Annotated[str | None, Query(pattern=_NAME, description="`next` of the page before.")] = None,
    limit: Limit = 20,
) -> Response:
    """The tenant's plugins, newest first, without their texts."""
    found = await _desk(request).listed(caller, after, limit + 1)
    more = found[limit - 1].name if len(found) > limit else None
    return Json({"data": [_plugin(one) for one in found[:limit]], "next": more}, headers=_PRIVATE)


@router.get("/v1/plugins/secrets", **describe("PluginSecretList", "The names"))
async def secrets(request: Request, caller: Caller) -> Response:
    """The names of the tenant's secrets, never what they are."""
    found = await _desk(request).secret_names(caller)
    data = [{"object": "plugin_secret", "name": name, "changed": at.isoformat()} for name, at in found]
    return Json({"data": data, "next": None}, headers=_PRIVATE)


@router.put(
    "/v1/plugins/secrets/{name}",
    **describe(None, "The secret is kept, encrypted", body="PluginSecretRequest", status=204),
)
async def keep_secret(request: Request, name: str, caller: Caller) -> Response:
    """Set a secret: `{{secret:NAME}}` in a plugin's text stands for it, in requests to granted hosts alone."""
    given = Fields(await json_body(request))
    _only(given, frozenset({"value"}))
    await _desk(request).keep_secret(caller, name, given.text("value"))
    return Response(status_code=204, headers=_PRIVATE)


@router.delete("/v1/plugins/secrets/{name}", **describe(None, "The secret is forgotten", status=204))
async def forget_secret(request: Request, name: str, caller: Caller) -> Response:
    """Forget a secret. Plugins that use it fail from the next call on."""
    await _desk(request).forget_secret(caller, name)
    return Response(status_code=204)


@router.get("/v1/plugins/{name}", **describe("Plugin", "The plugin with its active version"))
async def show(request: Request, name: str, caller: Caller) -> Response:
    """A plugin, with the text and the grants of the version that is called."""
    plugin, version = await _desk(request).get(caller, name)
    return Json(_plugin(plugin) | _version(version), headers=_PRIVATE)


@router.delete("/v1/plugins/{name}", **describe(None, "The plugin is gone", status=204))
async def remove(request: Request, name: str, caller: Caller) -> Response:
    """Remove a plugin with all its versions. The record of its calls stays."""
    await _desk(request).remove(caller, name)
    return Response(status_code=204)


@router.get("/v1/plugins/{name}/versions", **describe("PluginVersionList", "A page, newest first"))
async def versions(
    request: Request,
    name: str,
    caller: Caller,
    after: Annotated[int | None, Query(ge=1, le=_MOST, description="`next` of the page before.")] = None,
    limit: Limit = 20,
) -> Response:
    """Its versions, newest first: what was stored under a number never changes."""
    found = await _desk(request).versions(caller, name, after, limit + 1)
    more = found[limit - 1].number if len(found) > limit else None
    return Json({"data": [_version(one) for one in found[:limit]], "next": more}, headers=_PRIVATE)


@router.get("/v1/plugins/{name}/calls", **describe("PluginCallList", "A page, newest first"))
async def calls(
    request: Request,
    name: str,
    caller: Caller,
    after: Annotated[str | None, Query(pattern=_CALL, description="`next` of the page before.")] = None,
    limit: Limit = 20,
) -> Response:
    """Its calls, newest first: for which trace, with what end, which hosts were asked. Neither input nor value."""
    found = await _desk(request).calls(caller, name, after, limit + 1)
    more = found[limit - 1].id if len(found) > limit else None
    return Json({"data": [_called(one) for one in found[:limit]], "next": more}, headers=_PRIVATE)


@router.post(
    "/v1/plugins/{name}/test", **describe("PluginTest", "What the plugin did", body="PluginTestRequest")
)
async def test(request: Request, name: str, caller: Caller) -> Response:
    """Run the active version, another one, or a text that is not stored. A plugin that fails is a 200 with its
    `outcome`; a 4xx is about this request."""
    given = Fields(await json_body(request))
    _only(given, _TRIED)
    desk, number = _desk(request), given.whole("version", 1, _MOST)
    if given.values.get("source") is None and given.values.get("mcp") is None:
        version = await desk.version(caller, name, number)
    else:
        version = await _unsaved(desk, caller, given, name)
    ran = await desk.try_(caller, version, given.values.get("input"))
    return Json(_ran(ran), headers=_PRIVATE)


@router.post("/v1/plugins/{name}/enable", **describe("PluginState", "It is called again"))
async def enable(request: Request, name: str, caller: Caller) -> Response:
    """Have it called again."""
    return Json(_plugin(await _desk(request).switch(caller, name, on=True)), headers=_PRIVATE)


@router.post("/v1/plugins/{name}/disable", **describe("PluginState", "It is not called any more"))
async def disable(request: Request, name: str, caller: Caller) -> Response:
    """Have it called no more, from the next call on."""
    return Json(_plugin(await _desk(request).switch(caller, name, on=False)), headers=_PRIVATE)


@router.put(
    "/v1/plugins/{name}/active",
    **describe("PluginState", "The version is called", body="PluginActiveRequest"),
)
async def activate(request: Request, name: str, caller: Caller) -> Response:
    """Have another of its versions called, from the next call on."""
    given = Fields(await json_body(request))
    number = given.whole("version", 1, _MOST)
    if number is None:
        raise Invalid("'version' must be the number of a version.", param="version")
    return Json(_plugin(await _desk(request).activate(caller, name, number)), headers=_PRIVATE)


def _desk(request: Request) -> "Desk":
    return engine(request).plugins


def _only(given: Fields, known: frozenset[str]) -> None:
    for name in given.values:
        if name not in known:
            where = given.at(name)[:60]
            raise Invalid(f"Unknown parameter: '{where}'.", param=where, kind="unknown_parameter")


def _draft(given: Fields, name: str) -> "Draft":
    from shared.plugins.manifest import Draft
    from shared.ports.plugins import Remote

    grants = given.object("grants") or Fields({}, "grants")
    _only(grants, _GRANTS)
    mcp = given.object("mcp")
    remote = None
    if mcp is not None:
        _only(mcp, _MCP)
        headers = (mcp.object("headers") or Fields({})).values
        for key, value in headers.items():
            if not isinstance(value, str):
                raise wrong_type(f"mcp.headers.{key[:60]}", "a string", value)
        argument = mcp.text_or("argument", "query")
        remote = Remote(mcp.text("url"), _texts(mcp, "tools") or (), dict(headers), argument)
    schemas = {field: given.object(field) for field in ("input_schema", "output_schema")}
    return Draft(
        name=name,
        source=given.text_or("source"),
        kind=given.text_or("kind") or None,
        hosts=_texts(grants, "hosts"),
        secrets=_texts(grants, "secrets") or (),
        seconds=grants.number("seconds", 0, _MOST),
        memory_mib=grants.whole("memory_mib", 0, _MOST),
        fetches=grants.whole("fetches", 0, _MOST),
        events=_texts(given, "events"),
        remote=remote,
        input_schema=None if schemas["input_schema"] is None else schemas["input_schema"].values,
        output_schema=None if schemas["output_schema"] is None else schemas["output_schema"].values,
        activate=given.flag("activate", True),
    )


async def _unsaved(desk: "Desk", caller: "Principal", given: Fields, name: str) -> "Version":
    """A version that is only tried. Without `grants` it has those of the stored plugin of that name."""
    from dataclasses import replace

    from shared.core.faults import NotYours

    draft = _draft(given, name)
    if given.values.get("grants") is None:
        try:
            kept = (await desk.version(caller, name)).manifest.grants
        except NotYours:
            return await desk.drafted(caller, draft)
        draft = replace(
            draft,
            hosts=kept.hosts,
            secrets=kept.secrets,
            seconds=kept.seconds,
            memory_mib=kept.memory_mib,
            fetches=kept.fetches,
        )
    return await desk.drafted(caller, draft)


def _texts(given: Fields, name: str) -> tuple[str, ...] | None:
    value = given.values.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise wrong_type(given.at(name), "an array of strings", value)
    return tuple(value)


def _plugin(plugin: "Plugin") -> dict[str, Any]:
    return {
        "object": "plugin",
        "name": plugin.name,
        "kind": plugin.kind,
        "enabled": plugin.enabled,
        "active": plugin.active,
        "latest": plugin.latest,
        "created": plugin.created.isoformat(),
        "changed": plugin.changed.isoformat(),
    }


def _version(version: "Version") -> dict[str, Any]:
    manifest, remote = version.manifest, version.manifest.remote
    return {
        "version": version.number,
        "sha256": version.sha256,
        "source": version.source,
        "grants": _grants(manifest.grants),
        "events": list(manifest.events),
        "mcp": None
        if remote is None
        else {
            "url": remote.url,
            "tools": list(remote.tools),
            "headers": dict(remote.headers),
            "argument": remote.argument,
        },
        "input_schema": None if manifest.input_schema is None else dict(manifest.input_schema),
        "output_schema": None if manifest.output_schema is None else dict(manifest.output_schema),
        "made": version.made.isoformat(),
        "made_by": version.made_by,
    }


def _grants(grants: "Grants") -> dict[str, Any]:
    return {
        "hosts": list(grants.hosts),
        "secrets": list(grants.secrets),
        "seconds": grants.seconds,
        "memory_mib": grants.memory_mib,
        "fetches": grants.fetches,
    }


def _called(called: "Called") -> dict[str, Any]:
    return {
        "object": "plugin_call",
        "id": called.id,
        "plugin": called.plugin,
        "version": called.version,
        "sha256": called.sha256,
        "purpose": called.purpose,
        "actor": called.actor,
        "trace": called.trace,
        "run": called.run,
        "at": called.at.isoformat(),
        "input_sha256": called.input_sha256,
        "outcome": called.outcome,
        "message": called.message,
        "ms": called.ms,
        "hosts": list(called.hosts),
        "fetches": called.fetches,
        "bytes": called.size,
        "attempt": called.attempt,
    }


def _ran(ran: "PluginRan") -> dict[str, Any]:
    called, fault = ran.called, ran.fault
    error = None if fault is None else {"code": fault.code, "message": fault.message, "advice": fault.advice}
    return {
        "object": "plugin_test",
        "outcome": called.outcome,
        "value": ran.value,
        "error": error,
        "printed": ran.printed,
        "logged": list(ran.logged),
        "ms": called.ms,
        "fetches": called.fetches,
        "hosts": list(called.hosts),
        "bytes": called.size,
        "call": called.id,
    }
