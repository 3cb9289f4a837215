"""What a leading request tells those who wait for the same answer, and how they hear it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from shared.core.chunk import Finish
from shared.core.faults import ProviderFault
from shared.core.leg import Batch, LegEnded, Restarted, Spliced
from shared.core.money import ZERO, Micros
from shared.core.usage import NO_USAGE, Usage
from shared.ports.flights import Lead
from shared.recall.serving import batch_of, rows_of
from shared.runtime.answer import usage_of, usage_row
from shared.runtime.tape import fault_of, fault_row

_FIRST_SECONDS, _EVERY_SECONDS = 0.004, 0.025
"""What comes within so much of another is told together: a message costs a round trip."""


@dataclass(frozen=True, slots=True)
class Landed:
    """How a shared answer ended. `at` is when, in seconds since 1970; `fault` None: it was delivered, and had this cost
    and this use."""

    at: float
    fault: ProviderFault | None = None
    finish: Finish = "error"
    cost: Micros | None = ZERO
    used: Usage = NO_USAGE
    simulated: bool = False
    response_id: str = ""


Heard = str | Batch | Restarted | Spliced | Landed
"""A model that answers now; a read; a turn; the end."""


class Broadcast:
    """The leading request's voice. Nothing here may keep its own caller waiting, and nothing fails for it."""

    __slots__ = ("_lead", "_over", "_rows", "_saying", "_task")

    def __init__(self, lead: Lead | None) -> None:
        """None: there is nobody to tell."""
        self._lead = lead
        self._rows: list[Any] = []
        self._task: asyncio.Task[None] | None = None
        self._saying = self._over = False

    def model(self, name: str) -> None:
        """Who answers now."""
        self._say(["m", name])

    def read(self, batch: Batch) -> None:
        """What one network read brought."""
        self._say(["b", rows_of(batch)])

    def turn(self, item: Restarted | Spliced) -> None:
        """What was told is void, or goes on from another model."""
        self._say(["v"] if isinstance(item, Restarted) else ["j", item.how])

    async def landed(self, ended: LegEnded, at: float, *, late: bool) -> None:
        """The answer is delivered; `late`: who asks within some seconds may have it too."""
        body = [ended.finish, ended.cost, usage_row(ended.usage), ended.simulated, ended.response_id]
        await self._end(["e", at, body], late=late)

    async def failed(self, fault: ProviderFault, at: float) -> None:
        """Nobody could answer."""
        await self._end(["f", at, fault_row(fault)], late=False)

    async def left(self) -> None:
        """The leading caller goes before the end: another may take over."""
        await self._stopped()
        if self._lead is None:
            return
        if self._rows:
            await self._lead.say(orjson.dumps(self._rows))
        await self._lead.end(None)

    def _say(self, row: list[Any]) -> None:
        if self._lead is None:
            return
        self._rows.append(row)
        if self._task is None:
            self._task = asyncio.create_task(self._pump(), name="shared answer")

    async def _pump(self) -> None:
        assert self._lead is not None
        await asyncio.sleep(_FIRST_SECONDS)
        while self._rows and not self._ending():
            rows, self._rows = self._rows, []
            self._saying = True
            leads = await self._lead.say(orjson.dumps(rows))
            self._saying = False
            if not leads:
                return  # where another leads by now, whoever still waits hears that one
            await asyncio.sleep(_EVERY_SECONDS)
        self._task = None

    def _ending(self) -> bool:
        return self._over

    async def _end(self, row: list[Any], *, late: bool) -> None:
        await self._stopped()
        if self._lead is None:
            return
        self._rows.append(row)
        await self._lead.end(orjson.dumps(self._rows), late=late)

    async def _stopped(self) -> None:
        self._over = True
        task, self._task = self._task, None
        if task is None:
            return
        if (
            not self._saying
        ):  # a message that is on its way is waited for: cancelled, it may have been heard or not
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def heard(message: bytes) -> list[Heard]:
    """What a message says, in order."""
    return [_heard(row) for row in orjson.loads(message)]


def _heard(row: list[Any]) -> Heard:
    match row:
        case ["m", name]:
            return str(name)
        case ["b", rows]:
            return batch_of(rows)
        case ["v"]:
            return Restarted(1)
        case ["j", how]:
            return Spliced(1, how)
        case ["e", at, [finish, cost, used, simulated, response_id]]:
            return Landed(at, None, finish, cost, usage_of(used), simulated, response_id)
        case ["f", at, fault]:
            found = fault_of(fault)
            return Landed(at, found if isinstance(found, ProviderFault) else ProviderFault(found.message))
        case _:
            raise ValueError(f"no message of a shared answer begins with {row[:1]!r}")
