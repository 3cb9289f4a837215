"""Rates at the edge: charged once, told on every answer, refused in the shape that the path's clients read."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from functions.web.limits import duration, headers
from shared.core.faults import Unavailable
from shared.core.ids import TenantId
from shared.core.limit import Charge, Rate, Remaining
from shared.core.money import Micros
from shared.core.tenant import Limits
from shared.fakes.ledger import MemoryLedger
from shared.tenancy.keys import digest
from tests.contract.samples import month, run
from tests.unit.web_engine import KEY, OTHER_KEY, TENANT, Engine

SLOW = Limits(requests_per_minute=4)
REQUESTS = Rate("tenant", "t", "requests", 6_000, 3_000)
TOKENS = Rate("tenant", "t", "tokens", 10_000_000, 5_000_000)
MINE = Rate("key", "k", "requests", 90, 45)


def limited(engine: Engine, limits: Limits, *scopes: str) -> None:
    """Give the first tenant's key these limits."""
    row = engine.keys.rows[digest(KEY)]
    engine.keys.rows[digest(KEY)] = replace(row, limits=limits, scopes=frozenset(scopes or ("member",)))  # type: ignore[arg-type]


class Away(MemoryLedger):
    """A ledger without its store."""

    async def take(self, tenant: TenantId, charges: Sequence[Charge]) -> Sequence[Remaining]:
        raise Unavailable


def test_the_headers_of_an_openai_path() -> None:
    """OpenAI's six name the rate that leaves least; the draft's two name all."""
    found = dict(
        headers(
            [Remaining(REQUESTS, 2_999, 0.01), Remaining(TOKENS, 4_990_000, 0.06), Remaining(MINE, 12, 22)],
            openai=True,
        )
    )
    assert found == {
        b"x-ratelimit-limit-requests": b"90",
        b"x-ratelimit-remaining-requests": b"12",
        b"x-ratelimit-reset-requests": b"22s",
        b"x-ratelimit-limit-tokens": b"10000000",
        b"x-ratelimit-remaining-tokens": b"4990000",
        b"x-ratelimit-reset-tokens": b"60ms",
        b"ratelimit-policy": b'"tenant-requests";q=3000;w=30, "tenant-tokens";q=5000000;w=30;qu="tokens", '
        b'"key-requests";q=45;w=30',
        b"ratelimit": b'"tenant-requests";r=2999;t=1, "tenant-tokens";r=4990000;t=1, "key-requests";r=12;t=22',
    }
    assert {name for name, _ in headers([Remaining(REQUESTS, 1, 1)], openai=False)} == {
        b"ratelimit",
        b"ratelimit-policy",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0121, "13ms"),
        (0.9999, "1s"),
        (1.5, "1.5s"),
        (59.9, "59.9s"),
        (60, "1m0s"),
        (372.5, "6m12.5s"),
    ],
)
def test_spans_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    """Up to the next millisecond: whoever comes back then is let in."""
    assert duration(seconds) == text


async def test_each_request_is_charged_once_and_told() -> None:
    """A tenant's and a key's rate go down together, by one a request."""
    engine = Engine()
    limited(engine, SLOW)
    async with engine.client() as client:
        first = await client.get("/v1/keys")
        second = await client.get("/v1/models")
    assert '"tenant-requests";r=2999;' in first.headers["ratelimit"]
    assert '"key-requests";r=1;' in first.headers["ratelimit"]
    assert "x-ratelimit-limit-requests" not in first.headers
    assert (
        second.headers["x-ratelimit-limit-requests"],
        second.headers["x-ratelimit-remaining-requests"],
    ) == ("4", "0")


@pytest.mark.parametrize(("path", "openai"), [("/v1/keys", False), ("/v1/models", True)])
async def test_one_too_many_is_a_429(path: str, openai: bool) -> None:
    """In the path's own shape, with the seconds to wait and with the rates as they stand; another key goes on."""
    engine = Engine()
    limited(engine, SLOW)
    async with engine.client() as client:
        for _ in range(2):
            assert (await client.get(path)).status_code == 200
        refused = await client.get(path)
        engine.clock.seconds += int(refused.headers["retry-after"])
        again = await client.get(path)
        other = await client.get(path, headers={"authorization": f"Bearer {OTHER_KEY}"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
    assert '"key-requests";r=0;' in refused.headers["ratelimit"]
    body = refused.json()
    code = body["error"]["code"] if openai else body["code"]
    assert code == ("rate_limit_exceeded" if openai else "rate_limited")
    assert "4 requests a minute of this key" in refused.text
    assert "x-should-retry" not in refused.headers
    assert (again.status_code, other.status_code) == (200, 200)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json"])
async def test_what_needs_no_key_costs_nothing(path: str) -> None:
    """No rate is asked and none is told."""
    async with Engine().client({}) as client:
        for answer in [await client.get(path) for _ in range(5)]:
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


async def test_without_a_key_nothing_is_charged() -> None:
    """A 401 tells nothing of anybody's rates."""
    async with Engine().client({}) as client:
        answer = await client.get("/v1/keys")
    assert answer.status_code == 401
    assert "ratelimit" not in answer.headers


async def test_a_redis_that_is_away_stops_no_list() -> None:
    """What costs nothing goes on without headers; what costs is refused by its hold."""
    engine = Engine()

    engine.ledger = Away(engine.clock)
    async with engine.client() as client:
        answer = await client.get("/v1/keys")
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers


async def test_a_chat_tells_what_its_hold_left() -> None:
    """Its own hold has charged it: nothing is charged beside it."""
    engine = Engine()
    async with engine.client() as client:
        answer = await client.post(
            "/v1/chat/completions",
            json={"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hi"}]},
        )
    assert answer.headers["x-ratelimit-remaining-requests"] == "2999"
    (left,) = await engine.ledger.take(TENANT, [Charge(replace(REQUESTS, subject=TENANT), 0)])
    assert left.remaining == 2_999


@pytest.mark.parametrize(
    ("body", "status"), [({"model": "nobody", "messages": []}, 400), ({"messages": 1}, 400)]
)
async def test_a_chat_that_never_held_is_charged_like_any_request(
    body: dict[str, object], status: int
) -> None:
    """Who asks for nonsense is not free to ask without end."""
    engine = Engine()
    limited(engine, SLOW)
    async with engine.client() as client:
        answers = [await client.post("/v1/chat/completions", json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 429]
    assert [one.headers["x-ratelimit-remaining-requests"] for one in answers] == ["1", "0", "0"]


async def test_a_key_is_made_with_limits() -> None:
    """They are shown with it and in the list, and they bind it."""
    engine = Engine()
    asked = {"run_micros": 5, "month_micros": 10**9, "tokens_per_minute": 7}
    async with engine.client() as client:
        made = await client.post("/v1/keys", json={"name": "bound", "limits": asked})
        rows = (await client.get("/v1/keys")).json()["data"]
    shown = {"day_micros": None, "requests_per_minute": None} | asked
    assert (made.status_code, made.json()["limits"]) == (201, shown)
    assert shown in [row["limits"] for row in rows]
    found = await engine.keys.principal(digest(made.json()["key"]), engine.clock.now())
    assert found is not None
    assert found.key_limits == Limits(Micros(5), None, Micros(10**9), None, 7)


@pytest.mark.parametrize(
    ("limits", "param"),
    [
        (5, "limits"),
        ({"week_micros": 5}, "limits.week_micros"),
        ({"day_micros": "5"}, "limits.day_micros"),
        ({"day_micros": True}, "limits.day_micros"),
        ({"day_micros": 1.5}, "limits.day_micros"),
        ({"day_micros": -1}, "day_micros"),
        ({"day_micros": 10**15 + 1}, "day_micros"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
    ],
)
async def test_limits_that_cannot_be_are_refused(limits: object, param: str) -> None:
    """By name."""
    async with Engine().client() as client:
        answer = await client.post("/v1/keys", json={"name": "k", "limits": limits})
    assert (answer.status_code, answer.json()["param"]) == (400, param)


async def test_a_limited_key_cannot_lift_its_limits() -> None:
    """Neither by making another key nor by changing the policy; an operator's may do both."""
    engine = Engine()
    limited(engine, Limits(day_micros=Micros(5)))
    async with engine.client() as client:
        refused = [
            await client.post("/v1/keys", json={"name": "wide"}),
            await client.put("/v1/policy", json={"spend": {}}),
        ]
        limited(engine, Limits(day_micros=Micros(5)), "member", "operator")
        engine.clock.seconds += 3
        allowed = [
            await client.post("/v1/keys", json={"name": "wide"}),
            await client.put("/v1/policy", json={"spend": {}}),
        ]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert [answer.status_code for answer in allowed] == [201, 200]


async def test_the_policy_shows_limits_and_figures() -> None:
    """The house's where the tenant has none, and what is spent, held and left now."""
    engine = Engine()
    limited(engine, Limits(day_micros=Micros(70)))
    await engine.ledger.balance(TENANT, month(TENANT, 5))
    await engine.ledger.hold(TENANT, run(1), Micros(40), month(TENANT, 500))
    await engine.ledger.settle(TENANT, run(1), Micros(30))
    await engine.ledger.hold(TENANT, run(2), Micros(20), month(TENANT, 500))
    async with engine.client() as client:
        shown = (await client.get("/v1/policy")).json()
    assert shown["spend"] == {"run_micros": None, "day_micros": 50_000_000, "month_micros": 100_000_000}
    assert shown["rate"] == {"requests_per_minute": 6_000, "tokens_per_minute": 10_000_000}
    assert set(shown["own"].values()) == {None}
    assert shown["key"]["day_micros"] == 70
    assert [tuple(one.values()) for one in shown["now"]] == [
        ("tenant", "month", 100_000_000, 30, 20, 99_999_950),
        (
            "tenant",
            "day",
            50_000_000,
            0,
            20,
            49_999_980,
        ),  # no run asked for the day before: it is the log's figure
        ("key", "day", 70, 0, 0, 70),
    ]


async def test_a_tenant_may_go_below_the_house_and_only_an_operator_above() -> None:
    """A part that is left out stays; within a part, what is left out is the house's again."""
    engine = Engine()
    async with engine.client() as client:
        lower = await client.put(
            "/v1/policy", json={"spend": {"day_micros": 7}, "rate": {"requests_per_minute": 100}}
        )
        binds = await client.get("/v1/keys")
        spend_only = await client.put("/v1/policy", json={"spend": {"month_micros": 8}})
        higher = await client.put("/v1/policy", json={"spend": {"month_micros": 100_000_001}})
        limited(engine, Limits(), "member", "operator")
        engine.clock.seconds += 3
        raised = await client.put("/v1/policy", json={"spend": {"month_micros": 100_000_001}})
    assert (lower.status_code, lower.json()["spend"]["day_micros"]) == (200, 7)
    assert binds.headers["ratelimit-policy"] == '"tenant-requests";q=50;w=30'
    assert spend_only.json()["spend"] == {"run_micros": None, "day_micros": 50_000_000, "month_micros": 8}
    assert spend_only.json()["rate"]["requests_per_minute"] == 100
    assert higher.status_code == 403
    assert re.search("month_micros.*operator", higher.json()["detail"])
    assert raised.json()["spend"]["month_micros"] == 100_000_001


@pytest.mark.parametrize(
    "body", [{}, {"spend": 5}, {"spend": None}, {"rate": {"day_micros": 5}}, {"spend": {"day_micros": "x"}}]
)
async def test_a_policy_that_says_nothing_sound_changes_nothing(body: object) -> None:
    """Least of all does an empty one wipe the limits out."""
    engine = Engine()
    async with engine.client() as client:
        await client.put("/v1/policy", json={"spend": {"day_micros": 7}})
        answer = await client.put("/v1/policy", json=body)
        after = (await client.get("/v1/policy")).json()["own"]["day_micros"]
    assert (answer.status_code, after) == (400, 7)
