"""The filter that reads recorded replies: what it takes, echoes and says."""

import io
import json
from typing import Any

import pytest

from infra.cli import decode

CHAT = {
    "id": "r",
    "choices": [{"index": 0, "message": {"content": "Hi\u2028there"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
}
ROW = {
    "wire": "openai-chat",
    "status": 200,
    "headers": {},
    "body": json.dumps(CHAT, ensure_ascii=False),
    "mine": 1e400,
}


def filtered(*lines: bytes) -> tuple[list[dict[str, Any]], int]:
    out = io.BytesIO()
    code = decode.main(io.BytesIO(b"\n".join(lines)), out)
    text = out.getvalue().decode()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]], code


def test_a_line_is_echoed_and_explained() -> None:
    """Every field of the input comes back, with text, calls, finish, usage and error beside it."""
    rows, code = filtered(json.dumps(ROW).encode())
    assert code == 0
    assert {key: rows[0][key] for key in ROW} == ROW
    assert rows[0]["text"] == "Hi\u2028there"
    assert rows[0]["tool_calls"] == []
    assert (rows[0]["finish"], rows[0]["error"]) == ("stop", None)
    assert rows[0]["usage"] == {"input": 3, "cache_read": 1, "cache_write": 0, "output": 2, "reasoning": 0}


def test_only_lf_ends_a_line() -> None:
    """Text holds other separators: they neither split the input nor the output."""
    raw = json.dumps(ROW, ensure_ascii=False).encode()
    assert "\u2028".encode() in raw
    rows, code = filtered(raw, b"", raw)
    assert (len(rows), code) == (2, 0)


def test_the_shape_of_the_recordings_is_taken_too() -> None:
    """`response` may hold what else stands at the top; openrouter is chat; headers may be a list or missing."""
    inner = {"status": 200, "headers": [["Content-Type", "application/json"]], "body": CHAT}
    rows, code = filtered(json.dumps({"wire": "openrouter", "response": inner}).encode())
    assert (rows[0]["text"], code) == ("Hi\u2028there", 0)
    assert decode.decode_line({"wire": "openai-chat", "body": CHAT})["finish"] == "stop"


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[1]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"wire":"smoke-signals","body":""}',
        b'{"wire":"gemini"}',
        b'{"wire":"gemini","body":"{}","status":"high"}',
        b'{"wire":"gemini","body":"{}","headers":7}',
        b'{"wire":{"a":1},"body":"{}"}',
    ],
)
def test_a_bad_line_gets_an_error_in_its_place(line: bytes) -> None:
    """The others are still answered, in order, and the exit code tells that one was bad."""
    good = json.dumps(ROW).encode()
    rows, code = filtered(good, line, good)
    assert [row["error"] is None for row in rows] == [True, False, True]
    assert rows[1]["error"]["code"] == "unreadable_line"
    assert rows[1]["error"]["message"]
    assert rows[1]["finish"] == "error"
    assert code == 1


def test_a_cut_answer_keeps_its_text_and_runs_no_tool() -> None:
    """A broken-off exchange is an error with the text that had come; half a call is none."""
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":'}}
    events = [{"content": "Half"}, {"tool_calls": [call]}]
    body = "".join(f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n" for delta in events)
    row = decode.decode_line({"wire": "openai-chat", "status": 200, "headers": {}, "body": body})
    assert (row["text"], row["tool_calls"], row["finish"]) == ("Half", [], "error")
    assert row["error"] == {"status": 200, "code": "provider_cut", "message": row["error"]["message"]}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ('{"a":1.0}', {"a": 1}),
        ("[1]", [1]),
        ("not json", "not json"),
        ('{"a":NaN}', '{"a":NaN}'),
        ("[" * 50_000, "[" * 50_000),
    ],
)
def test_arguments_are_json_or_the_text_that_they_are(arguments: str, value: object) -> None:
    """Nothing is no arguments; text that is no JSON stays text."""
    assert decode.parsed(arguments) == value


def test_a_lone_surrogate_in_a_line_breaks_nothing() -> None:
    """What no UTF-8 can hold is echoed as it came."""
    rows, code = filtered(json.dumps({**ROW, "mine": "\ud83d", "body": '{"choices":[]}\ud83d'}).encode())
    assert (rows[0]["mine"], code) == ("\ud83d", 0)
    assert rows[0]["error"]["code"] == "provider_malformed"
