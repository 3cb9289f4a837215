"""Money: integer micro-dollars, never a float. One dollar is 1,000,000 micros."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import NewType

Micros = NewType("Micros", int)
"""Micro-dollars. 1_000_000 is one US dollar."""

ZERO = Micros(0)
_PER_DOLLAR = Decimal(1_000_000)


def from_usd(amount: Decimal) -> Micros:
    """Dollars to micro-dollars, half a micro up."""
    return Micros(int((amount * _PER_DOLLAR).to_integral_value(ROUND_HALF_UP)))


def ceil_usd(amount: Decimal) -> Micros:
    """Dollars to micro-dollars, any fraction up: for holds and worst cases."""
    return Micros(int((amount * _PER_DOLLAR).to_integral_value(ROUND_CEILING)))


def show(amount: int) -> str:
    """`$0.0123`: for people; at least four decimals, no more than six."""
    text = f"{Decimal(amount) / _PER_DOLLAR:.6f}"
    return "$" + (text[:-2] if text.endswith("00") else text)
