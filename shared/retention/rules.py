"""How long each class of data is kept: the house's days, a tenant's own within bounds, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.core.rules import DataClass, Rules
from shared.guard.keeping import HOUSE_DAYS

BOUNDS: Mapping[DataClass, tuple[int, int]] = {
    "bodies": (1, 3_650),
    "vault": (1, 3_650),
    "cache": (0, 30),
    "embeddings": (0, 30),
    "uploads": (1, 3_650),
    "streams": (1, 1),
    "documents": (1, 36_500),
}
"""Days: the least and the most that a tenant's rule may say. Under a day a run may still be going on, and readers come
back to its stream; a stored answer of last month is not what the model would say today."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one class is kept. `days` None: until somebody deletes it. `own`: the tenant says so, not the house."""

    kind: DataClass
    days: int | None
    own: bool
    version: int

    def before(self, now: datetime) -> datetime | None:
        """What was made before this is due; None: nothing is by age."""
        return None if self.days is None else now - timedelta(days=self.days)

    def __str__(self) -> str:
        said = (
            "kept until deleted" if self.days is None else f"{self.days} day{'s' if self.days != 1 else ''}"
        )
        return f"{self.kind}: {said}, {f'policy version {self.version}' if self.own else 'house rule'}"


def in_force(rules: Rules) -> Mapping[DataClass, Rule]:
    """The rule of every class. A copy is never kept longer than what it is a copy of: the cache, its embeddings and
    streams no longer than the words of the log, and the vault no longer than the last text that its placeholders
    stand in."""
    found: dict[DataClass, Rule] = {}
    for kind, (least, most) in BOUNDS.items():
        own = kind in rules.retention
        days = rules.retention[kind] if own else HOUSE_DAYS.get(kind)
        found[kind] = Rule(kind, None if days is None else min(max(days, least), most), own, rules.version)
    for copy, of in (("cache", "bodies"), ("embeddings", "cache"), ("streams", "bodies")):
        _tighten(found, copy, found[of])  # type: ignore[arg-type, index]  # names of classes all
    texts = found["bodies"], found["documents"]
    if all(rule.days is not None for rule in texts):
        _tighten(found, "vault", max(texts, key=lambda rule: rule.days or 0))
    return found


def _tighten(found: dict[DataClass, Rule], copy: DataClass, of: Rule) -> None:
    days = found[copy].days
    if of.days is not None and (days is None or days > of.days):
        found[copy] = Rule(copy, of.days, of.own, of.version)
