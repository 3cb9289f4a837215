"""The JSON Schemas of /v1/plugins."""

from typing import Any

from functions.web.schemas import COUNT, FLAG, OPEN, TEXT, TIME, Schema, nullable, obj, page, ref

_TEXTS: Schema = {"type": "array", "items": TEXT}
_KIND: Schema = {"type": "string", "enum": ["source", "action", "mcp"]}
_GRANTS: Schema = {
    "hosts": _TEXTS
    | {
        "description": "Hosts that `fetch` may ask: 'api.example.com', or '*.example.com' for all below it; with its "
        "port where that is not 443."
    },
    "secrets": _TEXTS | {"description": "Names of secrets that the text may use as {{secret:NAME}}."},
    "seconds": {"type": "number", "description": "Of the program's own. At most 10."},
    "memory_mib": COUNT | {"description": "At most 256."},
    "fetches": COUNT | {"description": "Requests in one call, at most 50."},
}
_MCP: Schema = {
    "url": TEXT,
    "tools": _TEXTS | {"description": "The tools that may be called."},
    "headers": {"type": "object", "additionalProperties": TEXT},
    "argument": TEXT | {"description": "The tools' argument that takes the question."},
}
_STATE: Schema = {
    "object": {"const": "plugin"},
    "name": TEXT,
    "kind": _KIND,
    "enabled": FLAG,
    "active": COUNT | {"description": "The number of the version that is called."},
    "latest": COUNT,
    "created": TIME,
    "changed": TIME,
}
_VERSION: Schema = {
    "version": COUNT,
    "sha256": TEXT | {"description": "Of text and manifest: names what ran."},
    "source": TEXT,
    "grants": ref("PluginGrants"),
    "events": _TEXTS,
    "mcp": nullable(ref("PluginMcp")),
    "input_schema": nullable(OPEN),
    "output_schema": nullable(OPEN),
    "made": TIME,
    "made_by": TEXT,
}
_CALL: Schema = {
    "object": {"const": "plugin_call"},
    "id": TEXT,
    "plugin": TEXT,
    "version": COUNT | {"description": "0: a text that was only tried."},
    "sha256": TEXT,
    "purpose": {"type": "string", "enum": ["source", "action", "test", "call"]},
    "actor": TEXT,
    "trace": nullable(TEXT),
    "run": nullable(TEXT),
    "at": TIME,
    "input_sha256": TEXT,
    "outcome": TEXT | {"description": "`ok`, or the code of the fault."},
    "message": TEXT,
    "ms": COUNT,
    "hosts": _TEXTS,
    "fetches": COUNT,
    "bytes": COUNT,
    "attempt": COUNT,
}
_ERROR: Schema = obj("code message advice", {"code": TEXT, "message": TEXT, "advice": TEXT})
_TEST: Schema = {
    "object": {"const": "plugin_test"},
    "outcome": TEXT | {"description": "`ok`, or the code of the plugin's fault."},
    "value": {},
    "error": nullable(_ERROR),
    "printed": TEXT,
    "logged": _TEXTS,
    "ms": COUNT,
    "fetches": COUNT,
    "hosts": _TEXTS,
    "bytes": COUNT,
    "call": TEXT | {"description": "The id of the call's record."},
}
_WANTED: Schema = {
    "source": nullable(TEXT)
    | {"description": "A text in a subset of Python that defines fetch_sources(query) or run(event)."},
    "kind": nullable(TEXT) | {"description": "source, action or mcp; left out: by what is defined."},
    "grants": nullable(ref("PluginGrantsWanted")),
    "events": nullable(_TEXTS) | {"description": "Of an action; left out: document.finished."},
    "mcp": nullable(ref("PluginMcpWanted")),
    "input_schema": nullable(OPEN),
    "output_schema": nullable(OPEN),
}

SCHEMAS: dict[str, Any] = {
    "PluginGrants": obj(" ".join(_GRANTS), _GRANTS),
    "PluginGrantsWanted": obj("", {name: nullable(schema) for name, schema in _GRANTS.items()}),
    "PluginMcp": obj(" ".join(_MCP), _MCP),
    "PluginMcpWanted": obj(
        "url tools", _MCP | {"headers": nullable(_MCP["headers"]), "argument": nullable(_MCP["argument"])}
    ),
    "PluginState": obj(" ".join(_STATE), _STATE),
    "PluginVersion": obj(" ".join(_VERSION), _VERSION),
    "Plugin": obj(" ".join(_STATE | _VERSION), _STATE | _VERSION),
    "PluginCall": obj(" ".join(_CALL), _CALL),
    "PluginSecret": obj(
        "object name changed", {"object": {"const": "plugin_secret"}, "name": TEXT, "changed": TIME}
    ),
    "PluginList": page("PluginState"),
    "PluginVersionList": obj(
        "data next", {"data": {"type": "array", "items": ref("PluginVersion")}, "next": nullable(COUNT)}
    ),
    "PluginCallList": page("PluginCall"),
    "PluginSecretList": page("PluginSecret"),
    "PluginTest": obj(" ".join(_TEST), _TEST),
    "PluginRequest": obj(
        "name",
        {"name": TEXT} | _WANTED | {"activate": nullable(FLAG) | {"description": "Call it from now on."}},
    ),
    "PluginTestRequest": obj(
        "input",
        {"input": {}, "version": nullable(COUNT) | {"description": "Left out: the active one."}} | _WANTED,
    ),
    "PluginActiveRequest": obj("version", {"version": COUNT}),
    "PluginSecretRequest": obj(
        "value", {"value": TEXT | {"description": "One line. Kept encrypted, never shown."}}
    ),
}
