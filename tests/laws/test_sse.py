"""Laws of reading event streams: how the bytes are cut changes nothing, and a missing end always shows."""

import itertools
import json
import re
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.llm.sse import Event, SseReader
from shared.adapters.llm.wires import WIRES
from shared.core.answer import collect
from shared.core.chunk import Chunk, Ended, Text
from shared.core.faults import Cut, ProviderFault
from shared.core.usage import Usage
from tests.contract.llm import recordings

ENDS = (b"\n", b"\r", b"\r\n")
words = st.text(st.characters(exclude_characters="\r\n\ufeff", exclude_categories=["Cs"]), max_size=12)


def in_parts(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` cut at these places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def events_in(parts: list[bytes]) -> list[Event]:
    reader = SseReader()
    events = [event for part in parts for event in reader.feed(part)]
    return events + reader.end()


def by_the_book(text: str) -> list[Event]:
    """The standard's algorithm in its plainest form: lines, fields, dispatch at a blank line or at the end."""
    events: list[Event] = []
    name, data = "", list[str]()
    for line in [*re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff")), ""]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            joined = "\n".join(data)
            if joined:
                events.append(Event(joined.encode(), name.encode()))
            name, data = "", []
        elif field == "data":
            data.append(value)
        elif field == "event":
            name = value
    return events


@st.composite
def streams(draw: st.DrawFn) -> str:
    """A stream with every kind of line and line end, with and without a byte order mark and a last blank line."""
    line = st.one_of(
        words.map("data: {}".format),
        words.map("data:{}".format),
        words.map("event: {}".format),
        words.map(": {}".format),
        st.sampled_from(["data", "id: 7", "retry: 10", "", "", "other: x", "data: a\u2028b\u0085c"]),
    )
    ends = [end.decode() for end in ENDS]
    text = "".join(part + draw(st.sampled_from(ends)) for part in draw(st.lists(line, max_size=14)))
    return draw(st.sampled_from(["", "\ufeff"])) + text


@given(streams(), st.lists(st.integers(0, 400), max_size=12))
@settings(max_examples=300)
def test_any_stream_is_read_as_the_standard_says_at_any_split(text: str, cuts: list[int]) -> None:
    """CR, LF, CRLF, comments, names, many data lines and a byte order mark, cut anywhere, even inside a character."""
    assert events_in(in_parts(text.encode(), cuts)) == by_the_book(text)


def test_other_line_separators_are_text() -> None:
    """U+2028, U+0085, form feed and their kin end no line: JSON holds them raw."""
    held = 'data: {"a":"x\u2028y\u2029z\x85\x0b\x0c\x1c"}\n\n'.encode()
    assert events_in([held]) == [Event(held[6:-2])]


def test_an_event_comes_with_the_byte_that_completes_it() -> None:
    """Nothing is held back: an event is handed out with the last byte of its blank line."""
    reader = SseReader()
    assert [reader.feed(byte) for byte in (b"data: 1\n", b"\n")] == [[], [Event(b"1")]]
    assert [reader.feed(byte) for byte in (b"data: 2\r\n", b"\r")] == [[], [Event(b"2")]]
    assert reader.feed(b"\ndata: 3\r\n\r\n") == [Event(b"3")]


def test_a_bare_json_object_among_events_is_one() -> None:
    """An error that a gateway writes into a stream without `data:` is not lost."""
    bare = b'{\n  "error": {"code": 503}\n}'
    assert events_in([b"data: 1\n\n" + bare + b"\n\n"])[1] == Event(bare)


def outcome(wire: str, row: dict[str, Any], parts: list[bytes]) -> tuple[list[Chunk], ProviderFault | None]:
    """Every chunk of a reply that comes in these parts, texts in a row as one, and its fault."""
    reader = WIRES[wire].reader(row["response"]["status"], row["response"]["headers"])
    chunks: list[Chunk] = []
    fault: ProviderFault | None = None
    try:
        for part in parts:
            chunks.extend(reader.feed(part))
        chunks.extend(reader.end())
    except ProviderFault as raised:
        fault = raised
    return joined(chunks), fault or reader.fault


def joined(chunks: list[Chunk]) -> list[Chunk]:
    """Texts that follow each other as one: how many there are is up to how they came."""
    out: list[Chunk] = []
    for chunk in chunks:
        if isinstance(chunk, Text) and out and isinstance(out[-1], Text):
            out[-1] = Text(out[-1].text + chunk.text)
        else:
            out.append(chunk)
    return out


RECORDED = recordings.streams()
any_recording = st.sampled_from(RECORDED) if RECORDED else st.nothing()


@recordings.needed
@given(any_recording, st.lists(st.integers(0, 20_000), max_size=20))
@settings(max_examples=150, deadline=None)
def test_recorded_streams_read_the_same_at_any_split(
    recorded: tuple[str, dict[str, Any]], cuts: list[int]
) -> None:
    """What a provider sent reads the same however the network cut it: text to the letter, the rest chunk for chunk."""
    wire, row = recorded
    body = row["response"]["body"].encode()
    assert outcome(wire, row, in_parts(body, cuts)) == outcome(wire, row, [body])


@recordings.needed
@pytest.mark.parametrize("wire", sorted({wire for wire, _ in RECORDED}))
def test_recorded_streams_read_the_same_byte_by_byte(wire: str) -> None:
    """The finest split there is, on a short stream of each wire."""
    _, row = min((r for r in RECORDED if r[0] == wire), key=lambda r: len(r[1]["response"]["body"]))
    body = row["response"]["body"].encode()
    assert outcome(wire, row, [body[at : at + 1] for at in range(len(body))]) == outcome(wire, row, [body])


@recordings.needed
@given(any_recording, st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_a_recorded_stream_that_breaks_off_is_cut(recorded: tuple[str, dict[str, Any]], share: float) -> None:
    """Cut anywhere, a stream gives the beginning of its text and Cut, or, once its end was announced, all of it."""
    wire, row = recorded
    body = row["response"]["body"].encode()
    whole = collect(outcome(wire, row, [body])[0])
    chunks, fault = outcome(wire, row, [body[: int(share * len(body))]])
    got = collect(chunks)
    assert whole.text.startswith(got.text)
    if fault is None:
        assert (got.text, got.finish, got.tool_calls) == (whole.text, whole.finish, whole.tool_calls)
    else:
        assert isinstance(fault, Cut)
        assert not any(isinstance(chunk, Ended) for chunk in chunks)


WHOLE = [
    (recordings.WIRE_OF[name], row)
    for name in (recordings.FILES if recordings.HOME.is_dir() else ())
    for row in recordings.exchanges(name)
    if row["response"]["status"] == 200 and row["response"]["body"].startswith("{")
]


@recordings.needed
@given(st.sampled_from(WHOLE) if WHOLE else st.nothing(), st.floats(0, 0.999))
@settings(max_examples=200, deadline=None)
def test_a_recorded_body_that_breaks_off_is_cut(recorded: tuple[str, dict[str, Any]], share: float) -> None:
    """A JSON reply that lacks its end is Cut, whatever it lacks: it never passes for another answer."""
    wire, row = recorded
    body = row["response"]["body"].rstrip().encode()
    chunks, fault = outcome(wire, row, [body[: int(share * len(body))]])
    assert isinstance(fault, Cut)
    assert chunks == []


@given(st.sampled_from(sorted(WIRES)), st.binary(max_size=300), st.integers(100, 599), st.booleans())
@settings(max_examples=400)
def test_no_bytes_at_all_crash_a_reader(wire: str, body: bytes, status: int, streamed: bool) -> None:
    """Whatever comes under whatever status is an answer or a ProviderFault."""
    kind = "text/event-stream" if streamed else "application/json"
    reader = WIRES[wire].reader(status, {"content-type": kind})
    try:
        reader.feed(b"data: " + body + b"\n\n" if streamed else body)
        reader.end()
    except ProviderFault:
        pass


FIELDS = (
    *(
        "type",
        "choices",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "index",
        "usage",
        "id",
    ),
    *(
        "candidates",
        "parts",
        "text",
        "functionCall",
        "finishReason",
        "usageMetadata",
        "model",
        "name",
        "role",
    ),
    *(
        "response",
        "output",
        "item",
        "output_index",
        "status",
        "annotations",
        "url_citation",
        "reasoning",
        "refusal",
    ),
    *(
        "finish_reason",
        "content_block",
        "stop_reason",
        "partial_json",
        "thinking",
        "input",
        "prompt_tokens",
        "error",
    ),
)
KINDS = (
    *(
        "response.output_text.delta",
        "response.output_item.added",
        "response.completed",
        "message",
        "function_call",
    ),
    *(
        "content_block_start",
        "content_block_delta",
        "text_delta",
        "input_json_delta",
        "text",
        "tool_use",
        "thinking",
    ),
    *("message_start", "message_delta", "output_text", "url_citation", "response.refusal.delta", "stop"),
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=16,
)


@given(st.sampled_from(sorted(WIRES)), values, st.booleans())
@settings(max_examples=1_000, deadline=None)
def test_no_json_of_the_wrong_shape_crashes_a_reader(wire: str, value: Any, streamed: bool) -> None:
    """JSON that a format does not have, under its own field names, is read leniently or is Malformed; what it is read
    as has the types that chunks promise."""
    body = json.dumps(value).encode()  # with NaN and Infinity, which the providers' own clients read
    chunks, fault = outcome(
        wire, {"response": {"status": 200, "headers": {}}}, [b"data: " + body + b"\n\n" if streamed else body]
    )
    assert fault is None or isinstance(fault, ProviderFault)
    collect(chunks)
    for chunk in chunks:
        for field in fields(chunk):
            promised = field.type if field.type in (int, Usage) else str
            assert type(getattr(chunk, field.name)) is promised, chunk
