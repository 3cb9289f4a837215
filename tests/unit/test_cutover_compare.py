"""Two answers to one request: what is read out of them, and what counts as a difference."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from shared.core.ids import TenantId, TraceId
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.cutover.captured import Asked, Capture
from shared.cutover.compare import compared, similarity
from shared.cutover.reading import read
from shared.cutover.report import ENOUGH, percentile, report
from shared.models.catalogue import Catalogue
from shared.ports.comparisons import Comparison, Side

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
ASKED = Asked(TenantId("t"), AT, "/v1/chat/completions", "gpt-6-luna", "chatsmart")


def whole(text: str | None = "Tea is a drink.", **changes: Any) -> bytes:
    message = {"role": "assistant", "content": text} | changes.pop("message", {})
    answer = {
        "model": "gpt-6-luna-2026-09-01",
        "choices": [{"index": 0, "message": message, "finish_reason": changes.pop("finish", "stop")}],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 2_000},
    }
    return orjson.dumps(answer | changes)


def capture(body: bytes, **changes: Any) -> Capture:
    fields: dict[str, Any] = {
        "status": 200,
        "body": body,
        "marks": [(len(body), 70)],
        "total_ms": 80,
        "trace": "f" * 32,
    }
    return Capture(**(fields | changes))


def call(arguments: str, name: str = "look") -> dict[str, Any]:
    return {
        "tool_calls": [{"id": "x", "type": "function", "function": {"name": name, "arguments": arguments}}]
    }


def row(ours: bytes, theirs: bytes) -> Comparison:
    return compared(ASKED, capture(ours), capture(theirs), Catalogue())


STREAM = (
    b'data: {"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    b": still here\n\n"
    b'data: {"choices":[{"index":0,"delta":{"content":"He"}}]}\r\n\r\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"llo","tool_calls":[{"index":0,"id":"a","function":'
    b'{"name":"look","arguments":"{\\"a\\""}}]}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]},'
    b'"finish_reason":"tool_calls"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":'
    b'{"cached_tokens":4}},"chatsmart":{"cost_micros":12}}\n\n'
    b"data: [DONE]\n\n"
)


def test_a_stream_is_read_as_its_client_reads_it() -> None:
    """Text, tool calls put together, end, usage, our own cost, and where its first content was."""
    said = read(STREAM, events=True)
    assert (said.words, said.tools, said.finish) == ("Hello", (("look", {"a": 1}),), "tool_calls")
    assert (said.usage, said.cost, said.model) == (Usage(input=9, cache_read=4, output=3), 12, "m")
    assert STREAM[: said.first_at].endswith(b'"He"}}]}\r\n')


@pytest.mark.parametrize("size", range(0, len(STREAM), 7))
def test_a_stream_that_was_cut_is_never_taken_for_whole(size: int) -> None:
    """At no byte before its end."""
    done = b'"tool_calls"}]}\n' in STREAM[:size]
    assert bool(read(STREAM[:size], events=True).fault) is not done


def test_responses_are_read_too() -> None:
    """Whole and as events: the last event counts, the first piece tells the time."""
    final = {
        "model": "m",
        "status": "completed",
        "output": [
            {"type": "reasoning"},
            {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
            {"type": "function_call", "name": "look", "arguments": "{}"},
        ],
        "usage": {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 2}},
    }
    events = b"".join(
        b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), orjson.dumps(event))
        for event in (
            {"type": "response.created", "response": {}},
            {"type": "response.output_text.delta", "delta": "Hel"},
            {"type": "response.completed", "response": final},
        )
    )
    for said in (read(orjson.dumps(final), events=False), read(events, events=True)):
        assert (said.words, said.tools, said.finish) == ("Hello", (("look", {}),), "tool_calls")
        assert said.usage == Usage(input=5, output=7, reasoning=2)
        assert not said.fault
    cut = read(events[: events.index(b"event: response.completed")], events=True)
    assert (cut.fault, cut.words) == ("cut", "Hel")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<html>It works!</html>", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"choices":[]}', "cut"),
        (b'{"choices":[null]}', "malformed"),
        (b'{"choices":"x"}', "malformed"),
        (b'{"error":{"code":"rate_limit_exceeded"}}', "rate_limit_exceeded"),
        (b'{"error":"x"}', "error"),
        (b'{"choices":[{"message":{"tool_calls":[{"function":7}]}}]}', "malformed"),
        (b'{"usage":{"prompt_tokens":"many"},"choices":[]}', "malformed"),
        (b"\xff\xfe", "malformed"),
    ],
)
@pytest.mark.parametrize("events", [False, True])
def test_garbage_is_a_fault_of_that_side(body: bytes, fault: str, events: bool) -> None:
    """Whatever a stranger's server sends, whole or as an event."""
    content = b"data: " + body + b"\n\n" if events else body
    assert read(content, events=events).fault in ((fault, "cut") if events else (fault,))


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        (whole(), whole(), ""),
        (whole("Tea  is a\n drink."), whole(), ""),
        (whole("Yes."), whole("Yes, it is indeed."), ""),
        (whole(finish="length"), whole(), "ended with length, not stop"),
        (whole("word " * 50), whole("word " * 10), "5.1 times as long"),
        (whole(""), whole("word " * 10), "0 times as long"),
        (whole('{"a": 1}'), whole('{"a":2}'), ""),
        (whole('{"b": 1}'), whole('{"a":2}'), "JSON with other fields"),
        (whole("Sure! {}"), whole('{"a":2}'), "no valid JSON"),
        (whole(None, message=call('{"a": 1}')), whole(None, message=call('{"a":1}')), ""),
        (
            whole(None, message=call('{"a":2}')),
            whole(None, message=call('{"a":1}')),
            "other arguments for look",
        ),
        (whole(None, message=call("{}", "see")), whole(None, message=call("{}")), "called see, not look"),
        (whole(""), whole(None, message=call("{}")), "called no tool, not look"),
    ],
)
def test_what_a_program_would_stumble_over_is_named(ours: bytes, theirs: bytes, why: str) -> None:
    """Ends, tool calls, JSON and length; never the choice of words."""
    found = row(ours, theirs)
    assert (found.why, found.agrees) == (why, not why)


def test_both_are_priced_and_timed() -> None:
    """Theirs by our price book, also under a dated name; unknown models and missing usage are unpriced, never 0."""
    found = compared(ASKED, capture(whole(), cost=55, model="auto"), capture(whole()), Catalogue())
    assert (found.ours.cost, found.theirs.cost) == (55, 1_100)
    assert (found.ours.first_ms, found.ours.total_ms, found.trace) == (70, 80, "f" * 32)
    assert row(whole(), whole(usage=None)).theirs.cost is None
    odd = compared(
        Asked(TenantId("t"), AT, "p", "?", "old"), capture(whole()), capture(whole(model="?")), Catalogue()
    )
    assert odd.theirs.cost is None


def test_an_error_is_no_answer() -> None:
    """A status, a break and an empty body are faults of that side, with the status in words."""
    refused = compared(
        ASKED, capture(whole()), capture(b'{"error":{"code":"busy"}}', status=503), Catalogue()
    )
    assert (refused.theirs.fault, refused.why, refused.agrees) == ("503 busy", "not answered", False)
    assert compared(
        ASKED, capture(whole()), capture(b"", fault="provider_cut"), Catalogue()
    ).theirs.fault == ("provider_cut")
    assert compared(ASKED, capture(b""), capture(whole()), Catalogue()).ours.fault == "empty"


def test_texts_are_kept_only_where_wanted() -> None:
    """Else a digest, the same for texts that differ in spaces alone."""
    found = row(whole("Tea  time"), whole("Tea time"))
    assert found.sample is None
    assert found.ours.digest == found.theirs.digest
    keep = Asked(TenantId("t"), AT, "p", "m", "old", keep=True)
    kept = compared(keep, capture(whole("a\x00b" * 9_000)), capture(whole("c")), Catalogue()).sample
    assert kept is not None
    assert (len(kept["ours"]), kept["theirs"], "\x00" in kept["ours"]) == (4_000, "c", False)


def test_similarity_counts_words() -> None:
    """1 only for equal texts, 0 for nothing in common, the order counts for little."""
    assert similarity("Tea is hot.", "Tea  is hot.") == 1
    assert similarity("", "") == 1
    assert similarity("a b", "c d") == 0
    assert similarity("b a", "a b") == 0.999
    assert 0.5 < similarity("Tea is hot", "Tea is cold") < 0.8
    assert similarity("x", "") == 0


def pair(number: int, **changes: Any) -> Comparison:
    side = Side("m", 200, "", 10 * number, 100 * number, Micros(10), "stop", 5, "d")
    fields: dict[str, Any] = {"ours": side, "theirs": side, "agrees": True, "similarity": 0.5}
    fields |= changes
    return Comparison(TenantId("t"), TraceId(f"{number}"), AT, "p", "m", "old", **fields)


def test_a_report_adds_up() -> None:
    """Percentiles by nearest rank, costs of pairs that have both, failures of each, the worst first."""
    broken = Side("m", 502, "502 cut")
    bad = pair(30, agrees=False, why="ended", similarity=0.1)
    rows = [pair(n) for n in range(1, 21)] + [
        bad,
        pair(40, ours=broken, agrees=False),
        pair(50, theirs=broken, agrees=False),
    ]
    found = report(rows, {"old": 3}, AT, AT, 100)
    overall = found.overall
    assert (overall.pairs, overall.both, overall.agreeing, overall.identical, overall.priced) == (
        23,
        21,
        20,
        20,
        21,
    )
    assert (overall.ours.failures, overall.theirs.failures, overall.ours.cost) == (1, 1, 210)
    assert (percentile(range(1, 21), 0.5), percentile(range(1, 21), 0.95), percentile([7], 0.95)) == (
        10,
        19,
        7,
    )
    assert percentile([], 0.5) is None
    assert [one.trace for one in found.worst] == ["40", "30"]
    assert not found.capped


@pytest.mark.parametrize(
    ("rows", "ready", "says"),
    [
        ([], False, "Too few to judge: 0 compared"),
        ([pair(n) for n in range(1, ENOUGH)], False, "Too few"),
        ([pair(n) for n in range(1, ENOUGH + 1)], True, "Nothing speaks against"),
        ([pair(n, agrees=n > 5, why="ended") for n in range(1, 41)], False, "5 of 40 answers differ"),
        (
            [pair(n, ours=Side(fault="cut"), agrees=False) for n in range(1, 41)],
            False,
            "ChatSmart failed 40 times",
        ),
        (
            [pair(n, theirs=Side(fault="cut"), agrees=False) for n in range(1, 41)],
            False,
            "no request was answered",
        ),
    ],
)
def test_the_verdict_is_plain(rows: list[Comparison], ready: bool, says: str) -> None:
    """It says whether to go on, and why not."""
    verdict = report(rows, {}, AT, AT, 100).verdict
    assert verdict.ready is ready
    assert says in verdict.text
