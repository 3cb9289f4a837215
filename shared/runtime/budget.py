"""What a step or a run may use at most, and the purse that keeps it to that (design law 2).

Budgets compose as the work does: `a + b` one after the other, `a | b` side by side, `a * n` for n lanes of a
fan-out, `a & b` where two caps hold at once. `None` in a field is no limit of that kind; `ZERO` is nothing at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from shared.core.faults import OverBudget
from shared.core.frozen import quick
from shared.core.model_spec import ModelSpec
from shared.core.money import Micros, ceil_usd, show
from shared.core.usage import Usage

N = TypeVar("N", int, float)


@quick
@dataclass(frozen=True, slots=True)
class Budget:
    """Micro-dollars, tokens (read and written) and seconds. Raises ValueError for a negative or endless amount."""

    micros: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("micros", "tokens", "seconds"):
            amount = getattr(self, name)
            if amount is not None and not 0 <= amount < inf:
                raise ValueError(f"a budget's {name} must be a number from 0 up, not {amount}")

    def __add__(self, other: "Budget") -> "Budget":
        """Both, one after the other."""
        seconds = _total(self.seconds, other.seconds)
        return Budget(_total(self.micros, other.micros), _total(self.tokens, other.tokens), seconds)

    def __or__(self, other: "Budget") -> "Budget":
        """Both, side by side: money and tokens add up, the longer one's time counts."""
        longer = None if self.seconds is None or other.seconds is None else max(self.seconds, other.seconds)
        return Budget(_total(self.micros, other.micros), _total(self.tokens, other.tokens), longer)

    def __mul__(self, lanes: int) -> "Budget":
        """`lanes` times this, side by side."""
        if lanes <= 0:
            return ZERO
        micros = None if self.micros is None else self.micros * lanes
        return Budget(micros, None if self.tokens is None else self.tokens * lanes, self.seconds)

    def __and__(self, other: "Budget") -> "Budget":
        """The tighter of two caps, in each kind."""
        seconds = _least(self.seconds, other.seconds)
        return Budget(_least(self.micros, other.micros), _least(self.tokens, other.tokens), seconds)

    def __le__(self, cap: "Budget") -> bool:
        """Whether this fits under `cap` in every kind."""
        return self & cap == self


def _total(a: N | None, b: N | None) -> N | None:
    return None if a is None or b is None else a + b


def _least(a: N | None, b: N | None) -> N | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


ZERO = Budget(0, 0, 0)
"""Nothing: adding it changes nothing."""
ANY = Budget()
"""No limit: capping with it changes nothing."""


def dearest(ladder: Iterable[ModelSpec], tokens: int) -> Micros:
    """The most that `tokens` tokens can cost on any rung at any dated price: read, cached or written. Micro-dollars."""
    worst = Micros(0)
    for price in (price for spec in ladder for price in spec.prices):
        for usage in (Usage(input=tokens), Usage(input=tokens, cache_write=tokens), Usage(output=tokens)):
            worst = max(worst, ceil_usd(price.dollars(usage)))
        if price.cliff is not None and tokens > price.cliff.above:
            # Just enough prompt to fall off the cliff, the rest written at the dearer price.
            prompt = price.cliff.above + 1
            for stored in (0, prompt):
                split = Usage(input=prompt, cache_write=stored, output=tokens - prompt)
                worst = max(worst, ceil_usd(price.dollars(split)))
    return worst


@dataclass(frozen=True, slots=True)
class StepQuote:
    """The worst case of one step, all its lanes and attempts together."""

    step: str
    worst: Budget
    lanes: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quote:
    """The worst case of a run, step by step. The purse holds the run to it, so no run costs more."""

    worst: Budget
    steps: tuple[StepQuote, ...]

    @property
    def micros(self) -> Micros:
        """The most that the run can cost, in micro-dollars."""
        return Micros(self.worst.micros or 0)


class Purse:
    """Money and tokens of one run, or of one step inside it: reserve before a call, settle after it.

    `spent + held <= cap` at every instant, for this purse and the one it was taken from. A settlement above its hold
    (thinking tokens that no limit covers) is booked up to the hold; the rest is `overrun`, for reconciliation.
    Micro-dollars and tokens; `None` in the cap is no limit.
    """

    __slots__ = ("cap", "held", "held_tokens", "name", "overrun", "parent", "spent", "spent_tokens")

    def __init__(self, name: str, cap: Budget, parent: "Purse | None" = None) -> None:
        self.name, self.cap, self.parent = name, cap, parent
        self.spent = self.held = self.spent_tokens = self.held_tokens = self.overrun = 0

    def left(self) -> tuple[float, float]:
        """Micro-dollars and tokens that can still be reserved; infinite where nothing limits them."""
        micros = inf if self.cap.micros is None else self.cap.micros - self.spent - self.held
        tokens = inf if self.cap.tokens is None else self.cap.tokens - self.spent_tokens - self.held_tokens
        if self.parent is None:
            return micros, tokens
        above, more = self.parent.left()
        return min(micros, above), min(tokens, more)

    def reserve(self, micros: int, tokens: int) -> "Hold":
        """Set the worst case of a call aside. Raises OverBudget, and then holds nothing."""
        money, room = self.left()
        if micros > money or tokens > room:
            raise self._refusal(micros, tokens)
        purse: Purse | None = self
        while purse is not None:
            purse.held += micros
            purse.held_tokens += tokens
            purse = purse.parent
        return Hold(self, micros, tokens)

    def book(self, micros: int, tokens: int) -> None:
        """Book what is already paid: a call that an earlier process of this run finished."""
        purse: Purse | None = self
        while purse is not None:
            purse.spent += micros
            purse.spent_tokens += tokens
            purse = purse.parent

    def _refusal(self, micros: int, tokens: int) -> OverBudget:
        money, room = self.left()
        kind = 0 if micros > money else 1
        purse = self
        while purse.parent is not None and purse.parent.left()[kind] == self.left()[kind]:
            purse = purse.parent
        if kind == 0:
            rest, whole, wanted = show(max(int(money), 0)), show(purse.cap.micros or 0), show(micros)
        else:
            rest, whole, wanted = f"{max(int(room), 0)} tokens", f"{purse.cap.tokens}", f"{tokens} tokens"
        return OverBudget(
            f"A call could take up to {wanted}, but {purse.name} has {rest} left of its {whole}: "
            f"a call of at most {rest} would fit."
        )


class Hold:
    """Money set aside for a call that has not answered yet. Ends exactly once; a second end changes nothing."""

    __slots__ = ("_open", "micros", "purse", "tokens")

    def __init__(self, purse: Purse, micros: int, tokens: int) -> None:
        self.purse, self.micros, self.tokens, self._open = purse, micros, tokens, True

    def settle(self, micros: int | None, tokens: int) -> None:
        """Book what the call cost; None, an unpriced call, books the whole hold."""
        if not self._open:
            return
        self._open = False
        cost = self.micros if micros is None else micros
        purse: Purse | None = self.purse
        while purse is not None:
            purse.held -= self.micros
            purse.held_tokens -= self.tokens
            purse.spent += min(cost, self.micros)
            purse.spent_tokens += min(tokens, self.tokens)
            purse.overrun += max(cost - self.micros, 0)
            purse = purse.parent

    def release(self) -> None:
        """Give everything back: the call delivered nothing."""
        self.settle(0, 0)
