"""`chatsmart price`: what a call cost by the price book of its day, or that it has no price; and the book itself."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from infra.cli import filter as lines
from infra.cli.screen import put
from infra.cli.trouble import Trouble
from shared.config import BadSettings, Settings
from shared.core.faults import UnknownModel
from shared.core.model_spec import FOREVER, USUAL, ModelSpec, Price
from shared.core.usage import Usage
from shared.models.catalogue import EVERY, Catalogue
from shared.models.prices import BadPrices, overridden

_NAMES = {
    "input": ("input", "input_tokens"),
    "cache_read": ("cache_read", "cache_read_tokens"),
    "cache_write": ("cache_write", "cache_write_tokens"),
    "cache_write_1h": ("cache_write_1h", "cache_write_1h_tokens"),
    "output": ("output", "output_tokens"),
    "reasoning": ("reasoning", "reasoning_tokens"),
    "searches": ("searches",),
}
"""Our names of the counts, and those of the API's usage object."""
_TIERS = ("tier", "service_tier", "speed", "geo", "inference_geo")
"""Words for how a call was served: each may have a price of its own."""
_SAID = {
    *(name for names in _NAMES.values() for name in names),
    *_TIERS,
    "search_context",
    "search_context_size",
}
_SAID |= {"requests", "cost_micros", "reported_cost_micros", "provenance", "total", "total_tokens"}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def current_catalogue() -> Catalogue:
    """The models at the prices that hold here. Raises Trouble for a price file that can't be used."""
    try:
        path = Settings.from_env().prices
        return Catalogue(EVERY if path is None else overridden(EVERY, path))
    except (BadPrices, BadSettings) as error:
        raise Trouble(str(error)) from None


def priced(row: Mapping[str, Any], catalogue: Catalogue) -> lines.Json:
    """`cost_micros`, or `unpriced` and a `reason`, for `model`, `at` and `usage`."""
    name, at = lines.text(row, "model"), _at(lines.text(row, "at"))
    if "usage" in row and row["usage"] is None:
        return {"unpriced": True, "reason": "No usage was reported."}
    usage, requests = _usage(row.get("usage"))
    strange = sorted(key for key in row["usage"] if key not in _SAID and row["usage"][key])
    if strange:
        return {"unpriced": True, "reason": f"{', '.join(strange)} has no price."}
    try:
        spec = catalogue.get(name)
        if requests == 1:
            return {"cost_micros": spec.cost(usage, at)}
        dollars = spec.price(at).dollars(usage, requests)
        return {"cost_micros": int((dollars * 1_000_000).to_integral_value("ROUND_HALF_UP"))}
    except UnknownModel as fault:
        return {"unpriced": True, "reason": fault.message}
    except LookupError as error:
        return {"unpriced": True, "reason": f"{error.args[0]}."}


def _at(text: str) -> datetime:
    """An RFC 3339 time: without its offset nobody knows which side of a price's change it is on. Raises
    UnreadableLine."""
    if _RFC3339.fullmatch(text) is None:
        raise lines.UnreadableLine(f"'at' must be a time as in 2026-11-21T12:00:00Z, not {text[:40]!r}.")
    return moment(text.upper())


def moment(text: str) -> datetime:
    """A time, or a day; of UTC where it does not say otherwise. Raises UnreadableLine."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise lines.UnreadableLine(
            f"'at' must be a time as in 2026-11-21T12:00:00Z, not {text[:40]!r}."
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _usage(value: Any) -> tuple[Usage, int]:
    """The counts, and over how many requests they are the sum. Raises UnreadableLine for what can't be one."""
    if not isinstance(value, Mapping):
        raise lines.UnreadableLine("'usage' must be an object of counts.")
    counts: dict[str, Any] = {
        field: _agreed({name: _count(value, name) for name in names if name in value})
        for field, names in _NAMES.items()
    }
    tier = "+".join(word for name in _TIERS for word in _word(value, name).split("+") if word not in USUAL)
    context = _word(value, "search_context") or _word(value, "search_context_size")
    usage = Usage(
        **counts, reported_cost_micros=_reported(value), tier=tier, search_context=_unusual(context)
    )
    if usage.cache_read + usage.cache_write > usage.input:
        raise lines.UnreadableLine(
            "'usage' reads and writes more cache than it has input; input counts those too."
        )
    if usage.reasoning > usage.output or usage.cache_write_1h > usage.cache_write:
        raise lines.UnreadableLine("'usage' has a part that is larger than its whole.")
    return usage, _count(value, "requests") if "requests" in value else 1


def _reported(value: Mapping[str, Any]) -> int | None:
    """What the provider says it charged, where it does."""
    found = {
        name: _count(value, name)
        for name in ("cost_micros", "reported_cost_micros")
        if value.get(name) is not None
    }
    return _agreed(found) if found else None


def _agreed(found: Mapping[str, int]) -> int:
    """One count that may go by several names. Raises UnreadableLine where they contradict one another."""
    if len(set(found.values())) > 1:
        raise lines.UnreadableLine(
            f"'usage' says two things: {', '.join(f'{n} {c}' for n, c in found.items())}."
        )
    return next(iter(found.values()), 0)


def _word(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    if found is not None and not isinstance(found, str):
        raise lines.UnreadableLine(f"'usage.{name}' must be a word, not {found!r}.")
    return found or ""


def _unusual(context: str) -> str:
    return "" if context == "low" else context


def _count(value: Mapping[str, Any], name: str) -> int:
    found = value[name]
    if found is None:
        return 0
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise lines.UnreadableLine(f"'usage.{name}' must be a whole number from 0 up, not {found!r}.")
    return found


def main(stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> int:
    """Price every line; 1 where some line could not be read."""
    catalogue = current_catalogue()
    return lines.run(lambda row: priced(row, catalogue), {"cost_micros": None}, stdin, stdout)


def listed(at: str | None, *, as_json: bool) -> None:
    """The price book of a day. Raises Trouble for a time that is none."""
    try:
        when = datetime.now(UTC) if at is None else moment(at)
    except lines.UnreadableLine as error:
        raise Trouble(str(error), code=2) from None
    rows = [(spec, _row(spec, when)) for spec in current_catalogue().models()]
    if as_json:
        for spec, price in rows:
            found = {"unpriced": True} if price is None else _json(price)
            put({"model": spec.name, "provider": spec.provider} | found)
        return
    _table(rows)


def _row(spec: ModelSpec, when: datetime) -> Price | None:
    try:
        return spec.price(when)
    except LookupError:
        return None


def _json(price: Price) -> lines.Json:
    names = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "request", "search")
    found = {name: None if getattr(price, name) is None else str(getattr(price, name)) for name in names}
    until = None if price.until == FOREVER else price.until.isoformat()
    cliff = (
        None if price.cliff is None else [price.cliff.above, str(price.cliff.input), str(price.cliff.output)]
    )
    checked = None if price.verified_on is None else price.verified_on.isoformat()
    return {**found, "until": until, "cliff": cliff, "source": price.source, "verified_on": checked}


def _table(rows: Sequence[tuple[ModelSpec, Price | None]]) -> None:
    width = max(len(spec.name) for spec, _ in rows)
    print("US dollars per million tokens; fees per request or search")
    print(f"{'model':{width}}  {'input':>7} {'output':>7} {'cached':>7} {'stored':>7}  notes")
    for spec, price in rows:
        if price is None:
            print(f"{spec.name:{width}}  unpriced")
            continue
        amounts = (price.input, price.output, price.cache_read, price.cache_write)
        figures = " ".join(f"{amount.normalize():>7f}" for amount in amounts)
        print(f"{spec.name:{width}}  {figures}  {'; '.join(_notes(price))}")


def _notes(price: Price) -> list[str]:
    notes = []
    if price.cliff is not None:
        cliff = price.cliff
        notes.append(f"over {cliff.above} tokens of input: {cliff.input}x in, {cliff.output}x out")
    if price.request:
        more = "".join(f", {fee.normalize()} with {name} search context" for name, fee in price.contexts)
        notes.append(f"+ {price.request.normalize()} a request{more}")
    if price.search:
        notes.append(f"+ {price.search.normalize()} a search")
    if price.cache_write_1h is not None:
        notes.append(f"stored for an hour {price.cache_write_1h.normalize()}")
    notes += [f"{name} {by.normalize()}x" for name, by in price.tiers]
    if price.until != FOREVER:
        notes.append(f"until {price.until.date()}")
    return notes
