"""An old path in memory: it answers with a script, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.core.faults import Fault
from shared.ports.oldpath import Header, OldRequest


@dataclass
class ScriptedAnswer:
    """`ports.oldpath.OldAnswer`. A fault in `script` is raised, a number is seconds of silence."""

    status: int = 200
    headers: Sequence[Header] = ((b"content-type", b"application/json"),)
    script: Sequence[bytes | float | Fault] = ()

    async def pieces(self) -> AsyncIterator[bytes]:
        """See the port."""
        for item in self.script:
            if isinstance(item, Fault):
                raise item
            if isinstance(item, bytes):
                yield item
            else:
                await asyncio.sleep(item)


@dataclass
class ScriptedOldPath:
    """`ports.oldpath.OldPath`. Every request meets `answer`; a fault means that no answer begins."""

    answer: ScriptedAnswer | Fault = field(default_factory=ScriptedAnswer)
    asked: list[OldRequest] = field(default_factory=list)
    left: int = 0
    """How many answers are over, read or given up."""

    @asynccontextmanager
    async def send(self, request: OldRequest) -> AsyncGenerator[ScriptedAnswer, None]:
        """See the port."""
        self.asked.append(request)
        if isinstance(self.answer, Fault):
            raise self.answer
        try:
            yield self.answer
        finally:
            self.left += 1
