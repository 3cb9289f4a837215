"""How long what is kept where a tenant says nothing, and how long where it does."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from shared.core.rules import DataClass, Rules

HOUSE_DAYS: Mapping[DataClass, int] = {
    "bodies": 90,
    "vault": 30,
    "cache": 1,
    "embeddings": 1,
    "uploads": 365,
    "streams": 1,
}
"""Days by class of data; what is not named is kept until somebody deletes it."""


def days(rules: Rules, kind: DataClass) -> int | None:
    """Days that a class of data is kept for; None: until somebody deletes it."""
    return dict(rules.retention).get(kind, HOUSE_DAYS.get(kind))


def vault_until(rules: Rules, now: datetime) -> datetime | None:
    """When placeholders made now stop standing for anything; None: never."""
    found = days(rules, "vault")
    if found is not None:
        found = max(found, 1)  # an answer on its way must be readable when it arrives
    return None if found is None or rules.legal_hold else now + timedelta(days=found)
