"""The JSON Schemas of /v1/retention."""

from typing import Any

from functions.web.schemas import COUNT, FLAG, TEXT, TIME, Schema, nullable, obj, page, ref

_FIGURES: Schema = {"type": "object", "additionalProperties": COUNT}
_REMOVAL: Schema = {"rule": TEXT, "by": TEXT, "at": TIME}

SCHEMAS: dict[str, Any] = {
    "Retention": obj(
        "object rules legal_hold holds",
        {
            "object": {"const": "retention"},
            "rules": {"type": "array", "items": ref("RetentionRule")},
            "legal_hold": FLAG | {"description": "Whether the policy holds everything."},
            "holds": {"type": "array", "items": ref("LegalHold")},
        },
    ),
    "RetentionRule": obj(
        "class days own oldest next_due",
        {
            "class": TEXT,
            "days": nullable(COUNT) | {"description": "Null: until somebody deletes it."},
            "own": FLAG | {"description": "Whether the tenant's policy says so, not the house."},
            "oldest": nullable(TIME),
            "next_due": nullable(TIME),
        },
    ),
    "LegalHold": obj(
        "object id run reason by at released released_by",
        {
            "object": {"const": "legal_hold"},
            "id": TEXT,
            "run": nullable(TEXT) | {"description": "Null: all that the tenant has."},
            "reason": TEXT,
            "by": TEXT,
            "at": TIME,
            "released": nullable(TIME),
            "released_by": nullable(TEXT),
        },
    ),
    "LegalHoldRequest": obj(
        "reason",
        {
            "run": {
                "type": ["string", "null"],
                "description": "A document's or a chat's id; left out: everything.",
            },
            "reason": {"type": "string", "minLength": 1, "maxLength": 500},
        },
        examples=[{"reason": "Case 4711: keep all until it is settled"}],
    ),
    "Deletion": obj(
        "object id rule by at removed",
        {"object": {"const": "deletion"}, "id": TEXT, **_REMOVAL, "removed": _FIGURES},
        description="How many things of each class went; all 0 where it had been done before.",
    ),
    "Tombstone": obj(
        "run position written rule by at sha256",
        {
            "run": TEXT,
            "position": COUNT,
            "written": TIME,
            **_REMOVAL,
            "sha256": obj("request response body", {"request": TEXT, "response": TEXT, "body": TEXT}),
        },
    ),
    "TombstoneList": page("Tombstone"),
    "Sweep": obj(
        "object dry_run removed tenants held failed unfinished",
        {
            "object": {"const": "sweep"},
            "dry_run": FLAG,
            "removed": _FIGURES,
            "tenants": COUNT,
            "held": COUNT,
            "failed": COUNT,
            "unfinished": FLAG | {"description": "Its time was up: ask again and it goes on."},
        },
    ),
    "SweepRequest": obj("", {"dry_run": FLAG | {"description": "Only count."}}),
}
