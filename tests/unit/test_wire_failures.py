"""What error statuses and error bodies of every make are told as."""

import json

import pytest

from shared.adapters.llm.failures import retry_after
from shared.adapters.llm.wires import WIRES
from shared.core.faults import (
    Malformed,
    Overloaded,
    ProviderFault,
    Refused,
    Rejected,
    TimedOut,
    TooLong,
    Unauthorised,
)


def refused(wire: str, status: int, body: bytes, **headers: str) -> ProviderFault:
    reader = WIRES[wire].reader(status, headers)
    assert reader.feed(body) == []
    with pytest.raises(ProviderFault) as raised:
        reader.end()
    return raised.value


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:00 GMT", "date": "Fri, 20 Nov 2026 10:00:30 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_wait_that_is_asked_for_is_read_in_seconds(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Milliseconds before seconds before a date; nonsense is no wish."""
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":{"message":"m","type":"t","code":"c"}}', "m", "c"),
        (b'{"error":{"message":"m","type":"t","code":null}}', "m", "t"),
        (b'{"error":{"message":"m","code":404}}', "m", "404"),
        (b'{"object":"error","message":"m","type":"t","code":404}', "m", "404"),
        (b'{"error":"m"}', "m", "404"),
        (b'{"detail":"m"}', "m", "404"),
        (b"plain words", "plain words", "404"),
        (b"\xff\xfe", "\ufffd\ufffd", "404"),
        (b'"m"', "m", "404"),
        (b"[]", "[]", "404"),
        (b"", "The provider rejected the request.", "404"),
    ],
)
def test_an_error_body_of_any_make_gives_its_message_and_code(body: bytes, message: str, code: str) -> None:
    """OpenAI's shape and its cousins, FastAPI's, a proxy's words, and nothing at all."""
    fault = refused("vllm", 404, body)
    assert type(fault) is Rejected
    assert (fault.message, fault.provider_code, fault.provider_status) == (message, code, 404)


def test_a_400_about_content_is_refused_on_every_wire_that_has_one() -> None:
    """Azure's and OpenAI's filters answer with a status; it is the caller's answer."""
    for code in (
        "content_filter",
        "content_policy_violation",
        "moderation_blocked",
        "bio_policy",
        "invalid_prompt",
    ):
        body = json.dumps({"error": {"message": "No.", "code": code}}).encode()
        assert type(refused("openai-responses", 400, body)) is Refused


@pytest.mark.parametrize(
    ("status", "kind"),
    [(402, Unauthorised), (504, TimedOut), (520, Overloaded), (302, Rejected), (418, Rejected)],
)
def test_statuses_beyond_the_usual_have_a_fault_too(status: int, kind: type[ProviderFault]) -> None:
    """No status falls through."""
    assert type(refused("anthropic", status, b"<html>no json</html>")) is kind


def test_a_page_under_a_200_is_malformed() -> None:
    """A proxy's page is no answer, whatever its status."""
    reader = WIRES["openai-chat"].reader(200, {"content-type": "text/html"})
    reader.feed(b"<html>Welcome</html>")
    with pytest.raises(Malformed):
        reader.end()


def test_half_an_emoji_is_read_and_made_whole() -> None:
    """Models that stream by the byte send lone surrogates, which neither Postgres nor UTF-8 takes."""
    reader = WIRES["openai-chat"].reader(200, {})
    event = b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d\\ude00b\\ud83d"}}]}\n\n'
    assert reader.feed(event)[0].text == "a\U0001f600b\ufffd"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        ("openai-chat", {"error": {"message": "Too many.", "code": "context_length_exceeded"}}),
        ("vllm", {"error": {"message": "This model's maximum context length is 8192 tokens. However, …"}}),
        ("anthropic", {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}),
        (
            "gemini",
            {
                "error": {
                    "message": "The input token count (9) exceeds the maximum number of tokens allowed (8)."
                }
            },
        ),
        ("vllm", {"error": {"message": "the request exceeds the available context size, try increasing it"}}),
    ],
)
def test_too_long_is_known_by_its_words(wire: str, body: dict[str, object]) -> None:
    """What does not fit into one model's window is told apart from what is wrong for all."""
    assert isinstance(refused(wire, 400, json.dumps(body).encode()), TooLong)
    assert type(refused(wire, 400, b'{"error": {"message": "tools must be an array"}}')) is Rejected
