"""A model as the engine sees it: who serves it, what it can do, what it costs and when."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Literal, NamedTuple

from shared.core.money import Micros, from_usd
from shared.core.usage import Usage

WireName = Literal[
    "openai-chat", "openai-plain", "openai-responses", "anthropic", "gemini", "perplexity", "vllm"
]  # fmt: skip
ProviderName = Literal["openai", "anthropic", "gemini", "perplexity", "llama"]
POOL: ProviderName = "llama"
"""The tier that runs on our own machines: it may be asleep, make way for a deploy, and tells how long its queue is."""
_MILLION = Decimal(1_000_000)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
USUAL = frozenset({"", "default", "standard", "auto", "global", "not_available"})
"""What providers call the tier that their price lists are for."""


@dataclass(frozen=True, slots=True)
class Cliff:
    """Past `above` prompt tokens every token of the call costs this many times more."""

    above: int
    input: Decimal
    output: Decimal


class _Most(NamedTuple):
    """The dearest rates of a price as exact integers: `unit` to the micro-dollar, for a token or for a call."""

    unit: int
    read: int
    wrote: int
    above: int
    """Past so many prompt tokens the next two count; -1 for never."""
    read_above: int
    wrote_above: int
    request: int


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, in force from `since` (incl.) until `until` (excl.).

    `request` is per call and `search` per search that the provider made for it, both in dollars. `cache_write` is for
    the provider's usual lifetime (Anthropic's five minutes, OpenAI's thirty); `cache_write_1h` for an hour. What is
    None is not known, and makes a call that used it unpriced. `source` and `verified_on` say who stated the row, and
    when it was last compared.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    request: Decimal = Decimal(0)
    cliff: Cliff | None = None
    since: datetime = ALWAYS
    until: datetime = FOREVER
    search: Decimal | None = None
    cache_write_1h: Decimal | None = None
    source: str = ""
    verified_on: date | None = None
    tiers: tuple[tuple[str, Decimal], ...] = ()
    """By how much tokens cost more on a service tier, at a speed or in a place that is not the usual one."""
    contexts: tuple[tuple[str, Decimal], ...] = ()
    """`request` where the provider searched with more context than usual, by its word for how much."""
    _most: "_Most" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what is asked for every call."""
        object.__setattr__(self, "_most", _most(self))

    def factor(self, tier: str) -> Decimal:
        """By how much `Usage.tier` makes tokens dearer. Raises LookupError for one that has no price here."""
        found = Decimal(1)
        for word in tier.split("+") if tier else ():
            more = (
                Decimal(1) if word in USUAL else next((by for name, by in self.tiers if name == word), None)
            )
            if more is None:
                raise LookupError(f"service tier '{word}' has no price")
            found *= more
        return found

    def dollars(self, usage: Usage, requests: int = 1) -> Decimal:
        """What `usage` costs, exactly. `requests` is over how many calls it is the sum of; a cliff goes by the sum.
        Raises LookupError for a service tier, a cache lifetime, a search or a search context without a price."""
        more_in = more_out = Decimal(1)
        if self.cliff is not None and usage.input > self.cliff.above:
            more_in, more_out = self.cliff.input, self.cliff.output
        fresh = max(usage.input - usage.cache_read - usage.cache_write, 0)
        read = fresh * self.input + usage.cache_read * self.cache_read + usage.cache_write * self.cache_write
        if usage.cache_write_1h:
            read += usage.cache_write_1h * (
                _known(self.cache_write_1h, "an hour in the cache") - self.cache_write
            )
        tokens = (read * more_in + usage.output * self.output * more_out) / _MILLION
        if usage.tier:
            tokens *= self.factor(usage.tier)
        fees = self.request
        if usage.search_context and fees:
            name = usage.search_context
            fees = _known(dict(self.contexts).get(name), f"search context '{name}'")
        fees *= requests
        return tokens + (fees + _known(self.search, "a search") * usage.searches if usage.searches else fees)


def _known(amount: Decimal | None, what: str) -> Decimal:
    if amount is None:
        raise LookupError(f"{what} has no price")
    return amount


def _most(price: Price) -> _Most:
    dearest = max(price.input, price.cache_read, price.cache_write)
    cliff = price.cliff
    more_in = max(cliff.input, Decimal(1)) if cliff else Decimal(1)
    more_out = max(cliff.output, Decimal(1)) if cliff else Decimal(1)
    rates = [
        Fraction(rate)  # dollars per million tokens: micro-dollars a token
        for rate in (
            dearest,
            price.output,
            dearest * more_in,
            price.output * more_out,
            price.request * _MILLION,
        )
    ]
    unit = lcm(*(rate.denominator for rate in rates))
    read, wrote, read_above, wrote_above, request = (int(rate * unit) for rate in rates)
    return _Most(unit, read, wrote, cliff.above if cliff else -1, read_above, wrote_above, request)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the catalogue. A model without a price can't be written down: `prices` is never empty.

    `window` and `max_output` are in tokens. `sampling` says whether temperature and top_p are accepted, `thinks`
    whether it may think before its first token (its first-token limit is longer).
    """

    name: str
    provider: ProviderName
    wire: WireName
    native: str
    """The provider's own name of the model, as sent on the wire."""
    window: int
    max_output: int
    prices: tuple[Price, ...]
    schema: bool = True
    tools: bool = True
    images: bool = True
    sampling: bool = False
    thinks: bool = False
    searches: bool = False
    forced_tools: bool = True
    continues: bool = False
    """Continues an unfinished assistant message exactly (vLLM's continue_final_message)."""
    resume: bool = False
    """Takes a broken response up where it stopped. On openai-responses the vendor then stores each response."""
    regions: frozenset[str] = frozenset({"us"})
    """Everywhere that a call may be processed: a policy has to allow all of it. `global` is anywhere, `own` the
    house's machines."""

    def __post_init__(self) -> None:
        if not self.prices:
            raise ValueError(f"model {self.name} has no price")

    def price(self, at: datetime) -> Price:
        """The price in force at `at`. Raises LookupError where none is: such a call is unpriced."""
        for price in self.prices:
            if price.since <= at < price.until:
                return price
        raise LookupError(f"{self.name} has no price at {at.isoformat()}")

    def cost(self, usage: Usage, at: datetime) -> Micros:
        """What a call of this usage cost; the provider's own figure where it gives one."""
        if usage.reported_cost_micros is not None:
            return Micros(usage.reported_cost_micros)
        return from_usd(self.price(at).dollars(usage))

    def worst_case(self, input_tokens: int, output_tokens: int, at: datetime) -> Micros:
        """The most that a call of these sizes can cost: all of its input at the dearest rate that may apply.

        Searches, larger search contexts, hour-long cache writes and service tiers are left out: no request of ours asks
        a model that bills them for any.
        """
        most = self.price(at)._most
        read, wrote = most.read, most.wrote
        if -1 < most.above < input_tokens:
            read, wrote = most.read_above, most.wrote_above
        return Micros(-(-(input_tokens * read + output_tokens * wrote + most.request) // most.unit))
