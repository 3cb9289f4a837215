"""The JSON Schemas of /v1/cache."""

from typing import Any

from functions.web.schemas import COUNT, FLAG, Schema, nullable, obj

_FIT: Schema = {"type": ["string", "null"], "minLength": 1, "maxLength": 200}

SCHEMAS: dict[str, Any] = {
    "Cache": obj(
        "object entries bytes hits near_hits joined misses hit_rate saved_micros near",
        {
            "object": {"const": "cache"},
            "entries": COUNT,
            "bytes": COUNT | {"description": "Of the answers' bodies."},
            "hits": COUNT,
            "near_hits": COUNT,
            "joined": COUNT | {"description": "Requests that shared an answer while it was being made."},
            "misses": COUNT,
            "hit_rate": nullable({"type": "number", "minimum": 0, "maximum": 1})
            | {"description": "Of all requests that the cache was asked for; null where there were none."},
            "saved_micros": COUNT | {"description": "What the served answers had cost when they were made."},
            "near": obj(
                "open checked wrong",
                {
                    "open": FLAG | {"description": "False: too many near hits were wrong, none is served."},
                    "checked": COUNT | {"description": "Near hits that were asked anew as well."},
                    "wrong": COUNT,
                },
            ),
        },
    ),
    "CachePurgeRequest": obj("", {"model": _FIT, "template": _FIT, "tag": _FIT}, additionalProperties=False),
    "CachePurge": obj("object purged", {"object": {"const": "cache_purge"}, "purged": COUNT}),
}
