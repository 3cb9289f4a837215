"""How large the containers are, and how long they idle: read by `functions/modal_app.py`, which deploys them, and by
`infra/cost`, which says what they cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """One kind of container. `cpu` in cores, `memory` in MiB, `idle` in seconds after its last request."""

    cpu: float
    memory: int
    idle: int
    most: int
    """Containers at once."""


WEB = Size(cpu=0.5, memory=1024, idle=120, most=20)
WEBHOOKS = Size(cpu=0.125, memory=512, idle=30, most=5)
WORKER = Size(cpu=0.25, memory=512, idle=10, most=20)
JOB = Size(cpu=0.125, memory=512, idle=2, most=1)
"""A scheduled job: one turn and gone."""
