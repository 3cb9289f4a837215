"""How much of everything a turn of a job and a document take. Each amount says whether it was measured or assumed.

Measured on 2026-11-21 on two cores of a shared machine, real Postgres and Redis on loopback, simulated providers: ten
articles on ten subjects, their usage as the log has it; two turns of each of the five jobs, each in a process of its
own from start to end. `tests/gpu/test_cost_measured.py` runs an article again and fails where these are no longer true.

Simulated answers have the lengths that the steps ask for, and hardly any thinking: a model that thinks writes several
times as many tokens as it shows. What real models write, the log knows: `chatsmart audit`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from shared.core.usage import Usage

MEASURED_ON = date(2026, 11, 21)


@dataclass(frozen=True, slots=True)
class Call:
    """One step's call of a document: its model and its mean usage."""

    step: str
    model: str
    usage: Usage


ARTICLE = (
    Call("research", "sonar", Usage(input=70, output=389)),
    Call("draft", "claude-sonnet-5-5", Usage(input=394, output=886)),
    Call("polish", "gpt-6.1-sol", Usage(input=929, output=868)),
)
"""Measured, at simulated lengths. The cache answered none of them."""

DATABASE_BYTES = 77_000
"""Measured: what the database grew by for an article: its row, its log with requests and answers, indexes."""
REDIS_COMMANDS = 260
"""Measured: for an article, a hundred of them its events."""
TURN_REDIS_COMMANDS = 24
"""Measured: a job's turn that finds nothing to do, connecting included; 12 to 26."""
TURN_SECONDS = Decimal("3.6")
"""Measured: the median of a turn's process from start to end, on a machine that others used too."""
TURN_CORE_SECONDS = Decimal(2)
"""Of them 1.2 measured, for imports and building the services; the rest assumed, for connecting and the turn. Modal
bills what is used where that is more than what was asked for."""
BOOT_SECONDS = Decimal(2)
"""Assumed: a container's own start before our code runs."""
DOCUMENT_SECONDS = Decimal(90)
"""Assumed: three calls, 2,200 tokens written, at 40 tokens a second, and what the models think before."""
EVENTS_PER_DOCUMENT = Decimal("0.1")
"""Assumed: calls by other services to the webhooks' ingress, most of them Stripe's."""
EVENT_SECONDS = Decimal("0.5")
"""Assumed: answering one of them."""
