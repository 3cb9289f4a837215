"""What a fault does to a stream's frames, before any connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.simulator.answer import Frame
from infra.simulator.faults import KINDS, BadFault, End, Fault, Plan, Send, Wait, acts, from_headers, read

_FRAMES = (
    Frame(b"<open>"),
    Frame(b"think", 2, hidden=True),
    *(Frame(b"chunk%d" % n, 1) for n in range(5)),
    Frame(b"<end>", 0, True),
)


def _play(fault: Fault | None) -> tuple[bytes, list[object]]:
    sent = b""
    others: list[object] = []
    for act in acts(_FRAMES, fault, b"<broken>", b"<error>"):
        if isinstance(act, Send):
            sent += act.data
        else:
            others.append(act)
    return sent, others


_WHOLE = b"".join(frame.data for frame in _FRAMES)


@given(chunks=st.integers(0, 9), how=st.sampled_from(["reset", "cut", "close"]))
def test_an_end_comes_after_exactly_n_chunks(chunks: int, how: str) -> None:
    """Thinking is no chunk; beyond the last chunk the terminal is what is missing."""
    sent, others = _play(Fault(how, after_chunks=chunks))
    assert _WHOLE.startswith(sent)
    assert sent.count(b"chunk") == min(chunks, 5)
    assert b"think" in sent
    assert b"<end>" not in sent
    assert others == [End(how)]


@given(offset=st.integers(0, len(_WHOLE) + 10), how=st.sampled_from(["reset", "cut", "close"]))
def test_an_end_comes_at_exactly_that_byte(offset: int, how: str) -> None:
    """The offset counts bytes of the body."""
    sent, others = _play(Fault(how, after_bytes=offset))
    assert sent == _WHOLE[:offset]
    assert others == [End(how)]


@given(chunks=st.integers(0, 9), offset=st.none() | st.integers(0, len(_WHOLE)))
def test_a_stall_loses_nothing(chunks: int, offset: int | None) -> None:
    """What is stalled comes whole in the end."""
    sent, others = _play(Fault("stall", after_chunks=chunks, after_bytes=offset, seconds=1))
    assert sent == _WHOLE
    assert others == [Wait(1)]


def test_other_faults_add_or_replace() -> None:
    """A malformed event is put in, an error ends, terminals are doubled, no fault changes nothing."""
    assert _play(None) == (_WHOLE, [])
    assert _play(Fault("pace")) == (_WHOLE, [])
    assert _play(Fault("malformed", after_chunks=1))[0] == _WHOLE.replace(b"chunk1", b"<broken>chunk1")
    assert _play(Fault("error_event", after_chunks=1)) == (b"<open>thinkchunk0<error>", [End("close")])
    assert _play(Fault("duplicate_terminal"))[0] == _WHOLE + b"<end>"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_read(kind: str) -> None:
    """Each kind is read from its name, from JSON and from headers alike."""
    assert read(kind) == read({"kind": kind}) == from_headers({"X-Sim-Fault": kind}) == Fault(kind)


def test_headers_name_each_field() -> None:
    """`x-sim-*` sets single fields, with JSON or without; other headers say nothing."""
    assert from_headers({"accept": "*/*"}) is None
    found = from_headers({"x-sim-fault": "reset", "x-sim-after-chunks": "3", "x-sim-ttft-ms": "1.5"})
    assert found == Fault("reset", after_chunks=3, ttft_ms=1.5)
    assert from_headers({"x-sim-fault": '{"kind": "cut"}', "x-sim-after-bytes": "9"}) == Fault(
        "cut", after_bytes=9
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "boom"},
        {"kind": "status", "status": 418},
        {"kind": "cut", "after_bytes": -1},
        {"kind": "cut", "after_bytes": 1.5},
        {"kind": "pace", "split_bytes": 0},
        {"kind": "seam", "style": "odd"},
        {"kind": "stall", "seconds": "long"},
        {"kind": "stall", "wait": 1},
        7,
    ],
    ids=str,
)
def test_what_cannot_be_played_is_refused(bad: object) -> None:
    """A fault with a wrong field is refused when it is planned and not when it is met."""
    with pytest.raises(BadFault):
        read(bad)


def test_a_plan_counts_down() -> None:
    """The oldest rule that meets a call decides it, as often as it says."""
    plan = Plan()
    plan.add(Fault("drop"), provider="openai", model="m", times=1)
    plan.add(Fault("cut"), match="x", times=None)
    assert plan.take("openai", "n", b"y") is None
    assert plan.take("openai", "m", b"x") == Fault("drop")
    assert plan.take("openai", "m", b"x") == plan.take("gemini", "q", b"xx") == Fault("cut")
    plan.clear()
    assert plan.take("openai", "m", b"x") is None
