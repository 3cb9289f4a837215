"""One thing that `chatsmart doctor` looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`skipped` where there is nothing to look at yet; `advice` says what to do, where there is something."""

    name: str
    status: Literal["ok", "failed", "skipped"]
    found: str
    advice: str = ""
