"""Rate limits at the edge: one request is charged once, and every answer says what is left.

Hot paths are charged by the hold of their run, in the same round trip; they `note` what it said. All else under `/v1`
is charged when its caller is known. Who has no key is refused before, and health, metrics and pages cost nothing.
"""

import logging
from collections.abc import Iterable, MutableMapping, Sequence
from functools import lru_cache
from math import ceil
from typing import Any

from functions.web.errors import is_openai
from shared.core.faults import Unavailable
from shared.core.limit import Rate, Remaining, Unit
from shared.core.tenant import Limits, Principal
from shared.guard.limits import charges_of
from shared.ports.ledger import Ledger

LOG = logging.getLogger("chatsmart.web")
_KEPT = "chatsmart.remaining"
Header = tuple[bytes, bytes]


async def admit(scope: MutableMapping[str, Any], principal: Principal, ledger: Ledger, house: Limits) -> None:
    """Charge one request to the caller's rates. Raises TooFast.

    Where Redis is away the request goes on: nothing can be held meanwhile, so nothing that costs money is let through,
    and a list of one's own documents needs no more guarding than Postgres gives it.
    """
    if not scope["path"].startswith("/v1/") or _KEPT in scope:
        return
    try:
        note(scope, await ledger.take(principal.tenant, charges_of(principal, house)))
    except Unavailable as fault:
        LOG.warning("a request was not charged to its rate limit: %s", fault.message)


def note(scope: MutableMapping[str, Any], remaining: Sequence[Remaining]) -> None:
    """Keep what the rates say for the answer's headers."""
    scope[_KEPT] = remaining


def noted(scope: MutableMapping[str, Any]) -> list[Header]:
    """The headers of what was noted; none where the request was not charged."""
    remaining = scope.get(_KEPT)
    return headers(remaining, openai=is_openai(scope["path"])) if remaining else []


def headers(remaining: Sequence[Remaining], *, openai: bool) -> list[Header]:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11), a policy for each rate; with
    `openai` also `x-ratelimit-…` for requests and tokens, each of the rate that leaves least."""
    found: list[Header] = [
        (b"ratelimit-policy", _policies(tuple(one.rate for one in remaining))),
        (b"ratelimit", ", ".join(map(_limit, remaining)).encode()),
    ]
    if openai:
        for unit in ("requests", "tokens"):
            found += _openai(unit, [one for one in remaining if one.rate.unit == unit])
    return found


def _openai(unit: Unit, remaining: Sequence[Remaining]) -> Iterable[Header]:
    if not remaining:
        return ()
    least = min(remaining, key=lambda one: one.remaining)
    name = unit.encode()
    return (
        (b"x-ratelimit-limit-" + name, b"%d" % least.rate.per_minute),
        (b"x-ratelimit-remaining-" + name, b"%d" % least.remaining),
        (b"x-ratelimit-reset-" + name, duration(least.reset_seconds).encode()),
    )


@lru_cache(maxsize=4096)
def _policies(rates: tuple[Rate, ...]) -> bytes:
    """A burst, and the seconds in which a whole one comes back: what `r` and `t` count in."""
    return ", ".join(
        f'"{rate.scope}-{rate.unit}";q={rate.burst};w={ceil(rate.window / 1e6)}'
        + (';qu="tokens"' if rate.unit == "tokens" else "")
        for rate in rates
    ).encode()


def _limit(one: Remaining) -> str:
    return f'"{one.rate.scope}-{one.rate.unit}";r={one.remaining};t={ceil(one.reset_seconds)}'


def duration(seconds: float) -> str:
    """A span of time as OpenAI writes it: `12ms`, `1.5s`, `6m0s`."""
    milliseconds = ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    shown = f"{rest / 1000:g}s"
    return f"{minutes}m{shown}" if minutes else shown
