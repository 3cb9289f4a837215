"""What nobody listens to is told in the same bytes."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from shared.core.event import Event
from shared.core.ids import TraceId
from shared.runtime.telling import Telling

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_TOLD = st.lists(
    st.tuples(_TEXTS, _TEXTS)
    | st.tuples(_TEXTS, st.dictionaries(st.just("value"), st.integers(0, 9), min_size=1))
)


@given(_TOLD, st.sets(st.integers(0, 8)))
def test_an_unheard_run_has_the_events_of_one_that_is_heard(
    told: list[tuple[str, str | dict[str, int]]], said: set[int]
) -> None:
    """Positions, count and digest are those of its events written out one by one, whatever was said in between."""
    telling = Telling(TraceId("0af7651916cd43dd8448eb211c80319c"), None, lambda _: None)
    expected: list[Event] = []
    for number, (step, what) in enumerate(told):
        if number in said:
            telling.say("step", f"step:{number}", {"trace": telling.trace, "step": step})
            expected.append(Event(len(expected) + 1, "step", {"trace": telling.trace, "step": step}))
        assert telling.token(step, what) == len(expected) + 1
        data = {"trace": telling.trace, "step": step, "text": what if isinstance(what, str) else ""}
        more = {} if isinstance(what, str) else {"value": what["value"]}
        expected.append(Event(len(expected) + 1, "token", data | more))
    assert telling.ordered() == tuple(expected)
    assert telling.count == len(expected)
    assert telling.missing() == []
    assert telling.digest() == sha256(b"".join(event.wire() for event in expected)).hexdigest()
