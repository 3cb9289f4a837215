"""Prices of hosting, each with where it was stated and when. Models' prices stand in the catalogue.

`verified` says that somebody compared it with the vendor's own page: nobody has, since that can't be reached from where
this was written. A price that is not known is None, and never 0.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

MODAL = "api-evangelist/modal-labs plans/modal-labs-plans-pricing.yml"
UPSTASH = "api-evangelist/upstash plans/upstash-plans-pricing.yml (upstash.com/pricing/redis, quoted)"
SUPABASE = "api-evangelist/supabase plans/supabase-plans-pricing.yml, and a summary of 2026-01-24 that agrees"
STRIPE = "api-evangelist/stripe plans/stripe-plans-pricing.yml (stripe.com/pricing, quoted)"


@dataclass(frozen=True, slots=True)
class Rate:
    """Dollars for one `unit`; None where nobody has said."""

    name: str
    dollars: Decimal | None
    unit: str
    source: str
    on: date
    verified: bool
    """Whether somebody compared it with the vendor's own page; a transcript of the page is none."""


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that the month is computed from. `included` amounts are what a plan has in it."""

    core_second: Rate
    gib_second: Rate
    supabase_pro: Rate
    """A month of one organisation with one project on the smallest machine."""
    database_gb: Rate
    """A month of one GB over what the plan includes."""
    redis_commands: Rate
    """100,000 commands."""
    redis_fixed: Rate
    """A month of 250 MB without a price for commands."""
    stripe_card: Rate
    database_gb_included: Decimal = Decimal(8)
    redis_commands_included: int = 500_000
    """A month of the free plan."""
    least_cores: Decimal = Decimal("0.125")
    """What a container is billed for at least."""

    def rates(self) -> tuple[Rate, ...]:
        """All of them, in the order of the page."""
        return (
            self.core_second, self.gib_second, self.supabase_pro, self.database_gb, self.redis_commands,
            self.redis_fixed, self.stripe_card,
        )  # fmt: skip


_JULY, _MAY, _SEPTEMBER = date(2026, 7, 1), date(2026, 5, 4), date(2026, 9, 20)
BOOK = Book(
    Rate("Modal, a physical core", Decimal("0.0000131"), "second", MODAL, _JULY, verified=False),
    Rate("Modal, a GiB of memory", Decimal("0.00000222"), "second", MODAL, _JULY, verified=False),
    Rate("Supabase Pro", Decimal(25), "month", SUPABASE, _MAY, verified=False),
    Rate("Supabase, a GB of database over 8", Decimal("0.125"), "month", SUPABASE, _MAY, verified=False),
    Rate(
        "Upstash Redis, 100,000 commands",
        Decimal("0.20"),
        "100,000 commands",
        UPSTASH,
        _SEPTEMBER,
        verified=False,
    ),
    Rate("Upstash Redis, fixed 250 MB", Decimal(10), "month", UPSTASH, _SEPTEMBER, verified=False),
    Rate("Stripe, a domestic card", None, "2.9% + 0.30 of each payment", STRIPE, _SEPTEMBER, verified=False),
)
"""Modal's free credits (30 dollars a month on its free plan) are not taken off anywhere."""
