"""Shares are exact in the long run, stable for a conversation, and only ever grow."""

import math
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ids import TenantId
from shared.cutover.split import choose, conversation, place
from shared.ports.cutovers import Cutover

TENANT = TenantId("018f0000-0000-7000-8000-000000000001")
PLAIN = Cutover(TENANT, "https://old.example/v1")
MANY = 20_000
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
BODIES = st.fixed_dictionaries(
    {
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": TEXTS})
        )
    },
    optional={"user": TEXTS, "safety_identifier": TEXTS},
)


def body(n: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"question {n}"}]}


@given(st.integers(0, 100), st.integers(0, 100))
def test_raising_a_share_moves_nobody_back(low: int, high: int) -> None:
    """Whoever ChatSmart answers at a share, it answers at every larger one."""
    low, high = sorted((low, high))
    for n in range(40):
        if choose(PLAIN.with_(serve_percent=low), body(n), b"").ours:
            assert choose(PLAIN.with_(serve_percent=high), body(n), b"").ours


def test_a_share_is_what_it_says() -> None:
    """At p per cent, p in a hundred of many conversations, within five standard deviations; none at 0, all at 100."""
    for percent in (0, 1, 10, 50, 99, 100):
        move = PLAIN.with_(serve_percent=percent)
        ours = sum(choose(move, body(n), b"").ours for n in range(MANY))
        share = percent / 100
        assert abs(ours - MANY * share) <= 5 * math.sqrt(MANY * share * (1 - share))


def test_mirrors_are_a_share_of_each_side() -> None:
    """Chosen apart from who answers: both a mirror's and a shadow's share hold within their own side."""
    move = PLAIN.with_(serve_percent=20, mirror_percent=30, shadow_percent=5)
    found = [choose(move, body(n), b"") for n in range(MANY)]
    for ours, share in ((True, 0.3), (False, 0.05)):
        side = [one.both for one in found if one.ours is ours]
        assert abs(sum(side) - len(side) * share) <= 5 * math.sqrt(len(side) * share * (1 - share))


@given(BODIES, st.lists(st.fixed_dictionaries({"role": st.just("assistant"), "content": TEXTS}), max_size=3))
def test_a_conversation_stays_where_it_is(asked: dict[str, Any], more: list[dict[str, str]]) -> None:
    """What comes after its first question does not move it."""
    asked["messages"].append({"role": "user", "content": "first"})
    longer = asked | {"messages": asked["messages"] + more, "temperature": 1}
    assert conversation(asked, b"a") == conversation(longer, b"b")


@given(TEXTS.filter(bool), BODIES, BODIES)
def test_a_named_user_stays_on_one_side(user: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """All conversations of one `user` go the same way."""
    for found in (one, other):
        found.pop("safety_identifier", None)
        found["user"] = user
    assert conversation(one, b"") == conversation(other, b"")


def test_tenants_and_questions_are_placed_apart() -> None:
    """One tenant's share says nothing of another's, nor of who is mirrored."""
    who = [str(n).encode() for n in range(2_000)]
    other = TenantId("018f0000-0000-7000-8000-000000000002")
    for first, second in (((TENANT, "serve"), (other, "serve")), ((TENANT, "serve"), (TENANT, "mirror"))):
        both = sum(place(*first, one) < 5_000 and place(*second, one) < 5_000 for one in who)
        assert 400 < both < 600


def test_what_only_the_old_path_can_know_stays_there() -> None:
    """No JSON, or a state that the old path keeps: until all has moved."""
    for asked in ({}, body(1) | {"previous_response_id": "resp_1"}, body(1) | {"conversation": "conv_1"}):
        assert not choose(PLAIN.with_(serve_percent=99), asked, orjson.dumps(asked)).ours
        assert choose(PLAIN.with_(serve_percent=100), asked, orjson.dumps(asked)).ours
