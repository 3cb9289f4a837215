"""The kinds of GPU that a pool can be deployed on: what they hold, what they cost, how many requests they take at once.

Memory is what the driver reports of one card. Prices are Modal's list a second, as a third party published it on
2026-07-01; `modal billing rates` prints what a workspace really pays. Limits of requests are starting points, argued
from memory and not measured: `gpu/cost.py` reads what a pool really does from its metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from difflib import get_close_matches

from shared.config import BadSettings

MIB = 1 << 20
PRICES_FROM = "api-evangelist/modal-labs plans/modal-labs-plans-pricing.yml"
PRICES_OF = date(2026, 7, 1)

CORE_SECOND = Decimal("0.0000131")
GIB_SECOND = Decimal("0.00000222")


class UnknownKind(BadSettings):
    """No such kind of GPU; the message names the nearest one and all there are."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One card or several that serve one replica together. `memory` is in bytes of one card, `usd_per_second` the price
    of one card."""

    name: str
    """As Modal takes it: `H100:2` is two cards in one container."""
    memory: int
    usd_per_second: Decimal
    cards: int = 1
    context: int = 32_768
    """The longest request, prompt and answer, in tokens."""
    at_once: int = 64
    """Requests that the engine works on in one batch; more wait."""
    most: int = 4
    """Containers at most: what a runaway can cost. Ten cards are what Modal's free plan allows."""

    @property
    def cores(self) -> int:
        """CPU cores that a replica asks for: one for the server, one for each card's worker."""
        return 1 + self.cards

    @property
    def gib(self) -> int:
        """GiB of the machine's memory that it asks for to serve: weights go past it, from the volume to the card."""
        return 8 * self.cards

    @property
    def replica_usd_per_second(self) -> Decimal:
        """What one replica costs: its cards, and the cores and the memory beside them, which Modal bills apart."""
        return self.usd_per_second * self.cards + CORE_SECOND * self.cores + GIB_SECOND * self.gib

    @property
    def wanted(self) -> int:
        """Requests at once that one replica is kept at: three quarters, so that there is room while another starts."""
        return self.at_once * 3 // 4

    @property
    def admitted(self) -> int:
        """Requests at once that are let through to one replica; Modal answers more with 429."""
        return self.at_once * 5 // 4


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("L4", 23_034 * MIB, Decimal("0.000222"), context=8_192, at_once=32),
        Kind("L40S", 46_068 * MIB, Decimal("0.000542"), context=16_384),
        Kind("H100", 81_559 * MIB, Decimal("0.001097"), at_once=128),
        Kind("H100:2", 81_559 * MIB, Decimal("0.001097"), cards=2, most=2),
        Kind("H100:4", 81_559 * MIB, Decimal("0.001097"), cards=4, at_once=128, most=2),
        # 70B in FP8 on one card: 4.54 dollars an hour where a pair of H100 is 7.90, and no traffic between cards.
        Kind("H200", 143_771 * MIB, Decimal("0.001261"), most=3),
    )
}
"""All of them have FP8 in hardware, which the weights are stored in."""


def kind_named(name: str) -> Kind:
    """The kind of that name, however it is capitalised. Raises UnknownKind."""
    found = KINDS.get(name.strip().upper())
    if found is None:
        near = get_close_matches(name.strip().upper(), KINDS, 1, 0.0)
        raise UnknownKind(
            f"There is no GPU kind '{name}'; did you mean {near[0]}? There are {', '.join(KINDS)}."
        )
    return found
