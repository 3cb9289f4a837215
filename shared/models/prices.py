"""Where prices come from beside the catalogue: a file that replaces rows of it, and the GPU seconds of our own tier."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from shared.core.model_spec import ALWAYS, FOREVER, Cliff, ModelSpec, Price

_CENT_OF_A_CENT = Decimal("0.0001")
_MONEY = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "request", "search")
_FIELDS = {*_MONEY, "since", "until", "cliff", "source", "verified_on"}


class BadPrices(ValueError):
    """A price file can't be used; the message names the file, the row and the field."""


@dataclass(frozen=True, slots=True)
class GpuRate:
    """What our own GPUs cost and do, all replicas of one model as one: dollars an hour, tokens read and written a
    second when nothing else is done. `busy` is the share of paid seconds in which they work, above 0."""

    dollars_per_hour: Decimal
    input_tokens_per_second: Decimal
    output_tokens_per_second: Decimal
    busy: Decimal = Decimal(1)

    def price(self, source: str = "", verified_on: date | None = None) -> Price:
        """The same per million tokens, a hundredth of a cent up. What the prefix cache holds takes no GPU time."""
        second = self.dollars_per_hour / 3600 / self.busy * 1_000_000
        read, wrote = (
            (second / pace).quantize(_CENT_OF_A_CENT, ROUND_CEILING)
            for pace in (self.input_tokens_per_second, self.output_tokens_per_second)
        )
        return Price(read, wrote, Decimal(0), read, source=source, verified_on=verified_on)


def overridden(models: Iterable[ModelSpec], path: Path) -> tuple[ModelSpec, ...]:
    """The models, those that the file names with its rows in place of their own.

    The file is `{"model": [{"since", "until", "input", "output", "cache_read", "cache_write", "cache_write_1h",
    "request", "search", "cliff": {"above", "input", "output"}, "source", "verified_on"}, …]}`: dollars per million
    tokens (`request` and `search` per event), numbers or strings of digits; `input` and `output` must be there, cache
    prices are `input` where they are missing, `search` is the catalogue's, dates are RFC 3339 or plain days of UTC.
    Raises BadPrices.
    """
    specs = {spec.name: spec for spec in models}
    for name, rows in _read(path).items():
        if name not in specs:
            raise BadPrices(f"{path}: no model is called '{name}'; there are {', '.join(specs)}.")
        if not isinstance(rows, list) or not rows:
            raise BadPrices(f"{path}: '{name}' must have a list of at least one row.")
        prices = tuple(_row(row, f"{path}: {name}, row {at}") for at, row in enumerate(rows, 1))
        _apart(prices, f"{path}: {name}")
        specs[name] = replace(
            specs[name], prices=tuple(_rest(price, specs[name].prices[-1]) for price in prices)
        )
    return tuple(specs.values())


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes(), parse_float=Decimal)
    except OSError as error:
        raise BadPrices(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise BadPrices(f"{path} is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise BadPrices(f"{path} must hold one JSON object of models.")
    return found


def _row(row: Any, where: str) -> Price:
    if not isinstance(row, dict):
        raise BadPrices(f"{where} must be an object.")
    for key in row:
        if key not in _FIELDS:
            raise BadPrices(f"{where}: there is no field '{key}'.")
    amounts = {key: _amount(row[key], f"{where}: '{key}'") for key in _MONEY if row.get(key) is not None}
    for key in ("input", "output"):
        if key not in amounts:
            raise BadPrices(f"{where}: '{key}' is missing.")
    verified = _moment(row.get("verified_on"), f"{where}: 'verified_on'")
    return Price(
        input=amounts["input"],
        output=amounts["output"],
        cache_read=amounts.get("cache_read", amounts["input"]),
        cache_write=amounts.get("cache_write", amounts["input"]),
        cache_write_1h=amounts.get("cache_write_1h"),
        request=amounts.get("request", Decimal(0)),
        search=amounts.get("search"),
        cliff=_cliff(row.get("cliff"), f"{where}: 'cliff'"),
        since=_moment(row.get("since"), f"{where}: 'since'") or ALWAYS,
        until=_moment(row.get("until"), f"{where}: 'until'") or FOREVER,
        source=str(row.get("source") or "price file"),
        verified_on=verified.date() if verified else None,
    )


def _rest(price: Price, was: Price) -> Price:
    """A row of a file with what stands in the catalogue alone: by how much a tier is dearer and, where a request costs
    the same in both, what it costs with more search context. Where the file has no price for a search, the catalogue's
    holds."""
    contexts = was.contexts if price.request == was.request else ()
    search = was.search if price.search is None else price.search
    return replace(price, tiers=was.tiers, contexts=contexts, search=search)


def _amount(value: Any, where: str) -> Decimal:
    found = Decimal(-1)
    if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
        try:
            found = Decimal(value)
        except ArithmeticError:
            found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise BadPrices(f"{where} must be a number of dollars of at least 0, not {value!r}.")
    return found


def _moment(value: Any, where: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadPrices(f"{where} must be a date such as 2026-12-01T00:00:00Z, not {value!r}.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cliff(value: Any, where: str) -> Cliff | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"above", "input", "output"}:
        raise BadPrices(f"{where} must have 'above', 'input' and 'output'.")
    above = _amount(value["above"], f"{where}, 'above'")
    if above != int(above):
        raise BadPrices(f"{where}, 'above' must be a whole number of tokens.")
    return Cliff(int(above), *(_amount(value[key], f"{where}, '{key}'") for key in ("input", "output")))


def _apart(prices: tuple[Price, ...], where: str) -> None:
    order = sorted(range(len(prices)), key=lambda at: prices[at].since)
    for at in order:
        if prices[at].until <= prices[at].since:
            raise BadPrices(f"{where}, row {at + 1}: 'until' must be later than 'since'.")
    for first, second in pairwise(order):
        if prices[second].since < prices[first].until:
            raise BadPrices(f"{where}, row {second + 1}: 'since' lies within row {first + 1}.")
