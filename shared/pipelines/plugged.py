"""What tenants added, put to work: their sources answer a run's questions, their actions hear of its end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.core.faults import Fault
from shared.core.ids import RunId, trace_of
from shared.core.lines import LINES
from shared.core.tenant import Principal
from shared.plugins.desk import Desk
from shared.ports.shelf import Document
from shared.runtime.course import Finding

FINISHED = "document.finished"
"""The event that an action hears of a document."""


@dataclass(slots=True)
class Plugged:
    """Between runs and plugins. A plugin that fails is reported and stops nothing."""

    desk: Desk
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def find(self, principal: Principal, query: str, run: RunId) -> Sequence[Finding]:
        """What the tenant's sources say to a query, hostile text as it is."""
        try:
            found = await self.desk.sources(principal.tenant, query, trace_of(run), run, principal.actor)
        except Fault as fault:
            LINES.warning("sources not asked", run=run, fault=fault.code, message=fault.message)
            return ()
        for ran in found.ran:
            if ran.fault is not None:
                LINES.warning("source failed", run=run, plugin=ran.called.plugin, fault=ran.fault.code)
        return tuple(
            Finding(f"{one.plugin}@{one.version}", one.title, one.url, one.text) for one in found.findings
        )

    def told(self, document: Document) -> None:
        """A document is finished: the tenant's actions are told, behind its back, without what its policy hides."""
        task = asyncio.create_task(self._act(document), name=f"actions {document.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait a moment for what is being told."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=5)
            for task in late:
                task.cancel()
        await self.desk.close()

    async def _act(self, document: Document) -> None:
        payload = {
            "id": document.id,
            "pipeline": document.pipeline,
            "trace": document.trace,
            "text": document.text,
            "cost_micros": document.cost,
        }
        try:
            await self.desk.act(
                document.tenant, FINISHED, payload, document.trace, document.id, document.actor
            )
        except Fault as fault:
            LINES.warning("actions not told", run=document.id, fault=fault.code, message=fault.message)
