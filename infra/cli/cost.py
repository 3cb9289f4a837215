"""`chatsmart doctor --cost`: what a month costs, idle and with documents, line by line, and where prices are from."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from infra.cli.price import current_catalogue
from infra.cli.screen import put
from infra.cost.book import BOOK, Rate
from infra.cost.deployed import Pool, pools
from infra.cost.month import SCENARIOS, Month, month, per_document
from infra.cost.work import MEASURED_ON
from shared.adapters.clock import SystemClock


def cost(*, as_json: bool) -> None:
    """Print the months, the option of a GPU pool and the price book. Raises Trouble for a price file that can't be
    used."""
    now = SystemClock().now()
    models = current_catalogue().models()
    months = [month(documents, models, now) for documents in SCENARIOS]
    warm = month(0, models, now, warm=1)
    if as_json:
        for one in months:
            put(_month(one))
        put({"option": "warm", "dollars": _figure(_more(warm, months[0]))})
        for pool in pools():
            put({"option": "pool", **_figures(asdict(pool))})
        for rate in BOOK.rates():
            put({"rate": rate.name, **_figures(asdict(rate))})
        return
    for one in months:
        _print_month(one)
    each = per_document(models, now)
    print(
        f"One article's calls: {_dollars(each, 4)}, at simulated lengths: models that think write several times that."
    )
    print(
        f"One web container kept warm (CHATSMART_WARM=1): {_dollars(_more(warm, months[0]))} a month more.\n"
    )
    _print_pools()
    _print_book()


def _print_month(one: Month) -> None:
    print(f"{f'{one.documents:,} documents a month' if one.documents else 'An idle month'}")
    for line in one.lines:
        print(f"  {line.name:<28} {_dollars(line.dollars):>12}  {line.why}")
    missing = f" and what has no price: {', '.join(one.unpriced)}" if one.unpriced else ""
    print(f"  {'total':<28} {_dollars(one.known):>12}{missing}\n")


def _print_pools() -> None:
    print("A GPU pool, if one is deployed (CHATSMART_LLAMA_GPU): nothing while it sleeps")
    for pool in pools():
        print(f"  {pool.kind:<8} {_dollars(pool.burst):>9} for one request that wakes it; {_told(pool)}")
    print()


def _told(pool: Pool) -> str:
    busy = (
        ""
        if pool.per_million is None
        else f"; {_dollars(pool.per_million, 3)} a million tokens if always busy"
    )
    return f"{_dollars(pool.awake)} for a month awake{busy} ({', '.join(pool.models)})"


def _print_book() -> None:
    print("Prices (none was compared with the vendor's own page by us; amounts were measured or assumed, see")
    print(f"infra/cost/work.py, {MEASURED_ON}); models' prices: chatsmart price --list")
    for rate in BOOK.rates():
        print(
            f"  {rate.name:<36} {_rate(rate):<38} {rate.on}  {'' if rate.verified else 'UNVERIFIED, '}{rate.source}"
        )


def _rate(rate: Rate) -> str:
    return f"not in the totals: {rate.unit}" if rate.dollars is None else f"{rate.dollars} a {rate.unit}"


def _more(one: Month, than: Month) -> Decimal | None:
    return None if one.total is None or than.total is None else one.total - than.total


def _month(one: Month) -> dict[str, Any]:
    lines = [{"name": line.name, "dollars": _figure(line.dollars), "why": line.why} for line in one.lines]
    return {
        "documents": one.documents,
        "total": _figure(one.total),
        "known": _figure(one.known),
        "unpriced": list(one.unpriced),
        "lines": lines,
    }


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    """The same with decimals and dates as text, nothing rounded."""
    return {
        key: str(value) if key == "on" else _figure(value) if isinstance(value, Decimal) else value
        for key, value in found.items()
    }


def _figure(value: Decimal | None) -> str | None:
    """Exact, as text: a float would round."""
    return None if value is None else f"{value.normalize():f}"


def _dollars(value: Decimal | None, places: int = 2) -> str:
    return "unpriced" if value is None else f"{value:,.{places}f} $"
