"""When too many near hits were wrong.

One in a hundred is asked anew and judged. The rate behind `wrong` of `checked` is bounded as Clopper and
Pearson do it:
the highest rate at which so few would still turn up in one of twenty such samples. The tier of a tenant turns
itself off
when one was wrong and that bound is above 0.1 %. So the first wrong hit ends it, unless some 4,700 checks stand
against it. While none was wrong it stays on, however few were checked: a bound that is high for want of checks says
nothing against it, and what speaks for it is that thousands of adversarial pairs gave no wrong hit before its
release.
"""

from math import exp, lgamma, log, log1p

ALLOWED = 0.001
_DOUBT = 0.05
_STEPS = 60


def wrong_bound(wrong: int, checked: int) -> float:
    """The one-sided 95 % upper bound of the rate, 0 to 1; 1 where nothing was checked. Raises ValueError."""
    if not 0 <= wrong <= checked:
        raise ValueError(f"{wrong} of {checked} can't be wrong")
    if wrong == checked:
        return 1.0
    low, high = wrong / checked, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _at_most(wrong, checked, middle) > _DOUBT:
            low = middle
        else:
            high = middle
    return high


def too_many(wrong: int, checked: int) -> bool:
    """Whether a tenant's near tier is to be off. Raises ValueError."""
    return wrong > 0 and wrong_bound(wrong, checked) > ALLOWED


def _at_most(wrong: int, checked: int, rate: float) -> float:
    """How likely `wrong` or fewer of `checked` are at this rate, 0 < rate < 1."""
    if rate <= 0.0:
        return 1.0
    if rate >= 1.0:
        return 0.0
    total = 0.0
    for count in range(wrong + 1):
        ways = lgamma(checked + 1) - lgamma(count + 1) - lgamma(checked - count + 1)
        total += exp(ways + count * log(rate) + (checked - count) * log1p(-rate))
    return total
