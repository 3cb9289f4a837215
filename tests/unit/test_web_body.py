"""Request bodies at the door."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.web.body import DEPTH, LIMIT, ClientGone, parse, read
from shared.core.faults import BadRequest, TooLarge

TEXT = st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("\0\\u"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


def nested(depth: int) -> bytes:
    """An object with so many levels, itself among them."""
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


def holds_nul(value: object) -> bool:
    """Whether a NUL is in any text or key of a value."""
    if isinstance(value, dict):
        return any(holds_nul(key) or holds_nul(item) for key, item in value.items())
    return any(map(holds_nul, value)) if isinstance(value, list) else "\0" in str(value)


@given(st.dictionaries(TEXT, JSON))
def test_what_is_sound_comes_through_unchanged(value: dict[str, Any]) -> None:
    """Every JSON object without a NUL parses to itself; one with a NUL anywhere is refused."""
    if not holds_nul(value):
        assert parse(orjson.dumps(value)) == value
        return
    with pytest.raises(BadRequest, match="NUL"):
        parse(orjson.dumps(value))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": Infinity}', "not valid JSON"),
        (b'{"a": 1e999}', "not valid JSON"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b'{"a": "\xed\xa0\x80"}', "not valid JSON"),
        (b'{"a": "\x00"}', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"a": ["x", "\\u0000"]}', r"'a\[1\]' holds a NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b"[]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (nested(DEPTH + 1), "more than 100 levels"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "not valid JSON"),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "more than 100 levels"),
    ],
)
def test_what_would_break_something_behind_the_door_is_refused(body: bytes, words: str) -> None:
    """A clear BadRequest, whatever the bytes."""
    with pytest.raises(BadRequest, match=words):
        parse(body)


def test_depth_is_counted_not_brackets() -> None:
    """A hundred levels pass, and so does a flat body with thousands of objects."""
    assert parse(nested(DEPTH))
    assert len(parse(orjson.dumps({"a": [{} for _ in range(5000)]}))["a"]) == 5000


def test_a_text_that_spells_an_escape_is_a_text() -> None:
    """A backslash and `u0000` in a text is no NUL."""
    assert parse(b'{"a": "\\\\u0000"}') == {"a": "\\u0000"}


def test_no_body_is_an_empty_object() -> None:
    """Verbs without fields need no body."""
    assert parse(b"") == parse(b" \n") == {}


async def drip(pieces: list[bytes], declared: int | None = None, *, gone: bool = False) -> bytes:
    headers = [] if declared is None else [(b"content-length", b"%d" % declared)]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
    ]
    messages.append({"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return await read({"type": "http", "headers": headers}, receive)


async def test_a_body_is_read_whole_up_to_the_limit() -> None:
    """Two megabytes in pieces arrive; more than the limit is refused, by its length or by counting."""
    assert len(await drip([b"x" * 65536] * 32)) == 2 * 1024 * 1024
    with pytest.raises(TooLarge, match="4 MiB"):
        await drip([], declared=LIMIT + 1)
    with pytest.raises(TooLarge, match="4 MiB"):
        await drip([b"x" * (LIMIT // 2)] * 3)


async def test_a_client_that_leaves_in_its_own_request_is_not_answered() -> None:
    """Half a body is no request."""
    with pytest.raises(ClientGone):
        await drip([b"half"], gone=True)
