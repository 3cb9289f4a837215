"""A chat completion as it is asked for. The web app reads requests into it: it brings no engine along."""

from dataclasses import dataclass
from typing import Literal

from shared.core.frozen import quick
from shared.core.ids import RunId
from shared.core.prompt import Prompt

Fallback = Literal["none", "finish"]
"""What other models may do for a caller who named one: nothing, or finish an answer that broke off after readers had
seen some of it."""
CacheWish = Literal["", "use", "refresh", "off"]
"""What the caller says of the cache. Empty: it is used where the same question may have the same answer.

use      also where randomness was asked for
refresh  ask anew, and store what comes
off      ask anew, and store nothing
"""


@quick
@dataclass(frozen=True, slots=True)
class ChatOrder:
    """What the caller asks: a catalogue name or a choice such as `auto`, a prompt, and how many answers (`n`)."""

    model: str
    prompt: Prompt
    stream: bool = False
    n: int = 1
    fallback: Fallback = "finish"
    run: RunId | None = None
    """What the run is to be called, where it was promised a name; else it gets a new one."""
    cache: CacheWish = ""
    tags: tuple[str, ...] = ()
    """Names by which stored answers can be purged."""
