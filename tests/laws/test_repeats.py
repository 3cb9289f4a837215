"""Reading many events as one gives what reading each of them gives: generated streams, at any split."""

import json
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.llm.wire import Reader
from shared.adapters.llm.wires import WIRES
from shared.core.answer import collect
from shared.core.chunk import Chunk, Completion, Text
from shared.core.faults import ProviderFault

SAME = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
AWKWARD = st.sampled_from(
    ['"', "\\", "\n\n", "data: ", "\x00", "\u2028", "🙂", "é", "}", '","x":"', "c1", "", "ab"]
)
TEXTS = st.lists(st.one_of(AWKWARD, st.text(max_size=8)), min_size=1, max_size=25)
LAST = b'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ODD = st.sampled_from(
    [
        b": a comment\n\n",
        b'data: {"id":"c1","choices":[],"usage":null}\n\n',
        b'data: {"id":"c1","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}\n\n',
        b'data: {"id":"c1","choices":[{"index":1,"delta":{"content":"no"}}]}\n\n',
        b"\n",
    ]
)
BROKEN = st.sampled_from(
    [
        b'\\"', b"\\", b"\\u12", b"\\ud83d", b"\\ude00", b"\xff", b"\xc3", b"\x01", b'"', b'","x":"y', b"\\u0000",
        b"\n\n",
    ]
)  # fmt: skip


def event(text: bytes, before: str = "") -> bytes:
    """A chunk whose content is this inside of a JSON string."""
    head = json.dumps({**SAME, "choices": [{"index": 0, "delta": {"content": "@"}, "finish_reason": None}]})
    return before.encode() + b"data: " + head.encode().replace(b"@", text) + b"\n\n"


def inside(text: str, *, plain: bool) -> bytes:
    """A text as the inside of a JSON string."""
    return json.dumps(text, ensure_ascii=plain).encode("utf-8", "surrogatepass")[1:-1]


def read(reads: Sequence[bytes]) -> tuple[Completion, list[Chunk], str]:
    """What comes of these reads: the answer, the pieces that are no text, and the fault's code."""
    reader: Reader = WIRES["openai-chat"].reader(200, {"content-type": "text/event-stream"})
    out: list[Chunk] = []
    try:
        for data in reads:
            out += reader.feed(data)
        while more := reader.end():
            out += more
            if reader.done:
                break
    except ProviderFault as fault:
        return collect(out), [one for one in out if not isinstance(one, Text)], fault.code
    return collect(out), [one for one in out if not isinstance(one, Text)], ""


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    """The body in reads that end at these places."""
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges) if end > start]


@given(
    TEXTS, st.booleans(), st.lists(st.integers(0, 10_000), max_size=6), st.sampled_from(["", "event: x\n"])
)
@settings(max_examples=200, deadline=None)
def test_a_stream_reads_the_same_at_any_split(
    texts: list[str], plain: bool, places: list[int], before: str
) -> None:
    """The text is there whole, once, in order, whatever stands in it."""
    body = b"".join(event(inside(text, plain=plain), before) for text in texts) + LAST
    answer, _, fault = read(cut(body, places))
    assert (answer.text, fault) == ("".join(texts), "")


@given(st.lists(st.one_of(TEXTS, ODD), max_size=12), st.lists(st.integers(0, 10_000), max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_stands_between_the_events_is_not_lost(
    parts: list[list[str] | bytes], places: list[int]
) -> None:
    """Other events among those that repeat keep their place and their meaning."""
    body = b"".join(
        part if isinstance(part, bytes) else b"".join(event(inside(text, plain=False)) for text in part)
        for part in parts
    )
    body += LAST
    bytewise = read([body[at : at + 1] for at in range(len(body))])
    assert read(cut(body, places)) == bytewise
    expected = "".join(text for part in parts if not isinstance(part, bytes) for text in part)
    assert bytewise[0].text == expected


@given(st.lists(st.one_of(BROKEN, st.sampled_from([b"ab", b"cd", b"ef "])), min_size=3, max_size=14))
@settings(max_examples=300, deadline=None)
def test_what_is_broken_is_as_broken_in_a_run(pieces: list[bytes]) -> None:
    """An event that is no JSON by itself is none beside others either, and no text comes of two halves."""
    body = event(b"one") + event(b"two") + b"".join(event(piece) for piece in pieces) + LAST
    assert read([body]) == read([body[at : at + 1] for at in range(len(body))])
