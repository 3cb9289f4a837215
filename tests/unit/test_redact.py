"""What is found, what is left alone, what stands in its place."""

import json
from time import process_time

import pytest

from shared.guard.redact.engine import ALL, Redacted, find, redact
from shared.guard.redact.names import Names
from shared.guard.redact.restoring import Restorer, restore


def hidden(text: str) -> Redacted:
    """The text as a new run hides it."""
    return redact(text, ALL, Names())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password: hunter2", "password: ⟦SECRET_1⟧"),
        ('{"password": "correct horse"}', '{"password": "⟦SECRET_1⟧"}'),
        ("DB_PASSWORD=abc123xyz\n", "DB_PASSWORD=⟦SECRET_1⟧\n"),
        ("Authorization: Bearer abcDEF123456789", "Authorization: Bearer ⟦SECRET_1⟧"),
        ("Call (415) 555-2671, then +44 (0)20 7946 0958.", "Call ⟦PHONE_1⟧, then ⟦PHONE_2⟧."),
        ("a@b.co, c@d.org and a@b.co", "⟦EMAIL_1⟧, ⟦EMAIL_2⟧ and ⟦EMAIL_1⟧"),
        ("HKID A123456(3).", "HKID ⟦NATIONAL_ID_1⟧."),
        ("ping fe80::1%eth0 or 10.0.0.1:8080", "ping ⟦IP_1⟧ or ⟦IP_2⟧:8080"),
    ],
)
def test_the_value_is_replaced_and_nothing_else(text: str, expected: str) -> None:
    """A placeholder takes the place of the identifier, and of no label, quote or mark beside it."""
    assert hidden(text).text == expected


def test_spans_count_code_points_of_the_original() -> None:
    """A span covers the disguised value in the text as it came."""
    text = "é 😀 4\u200b111-1111\u00a01111 １１１１!"
    (span,) = find(text)
    assert (span.type, text[span.start : span.end]) == ("CARD", "4\u200b111-1111\u00a01111 １１１１")


def test_only_asked_types_are_hidden() -> None:
    """A type that is not asked for stays; `*` asks for all; nothing asked hides nothing."""
    text = "a@b.co from 10.0.0.1"
    assert redact(text, {"IP"}, Names()).text == "a@b.co from ⟦IP_1⟧"
    assert redact(text, {"*"}, Names()).text == "⟦EMAIL_1⟧ from ⟦IP_1⟧"
    assert redact(text, frozenset(), Names()).text == text
    assert [span.type for span in find(text, {"EMAIL"})] == ["EMAIL"]


def test_names_go_on_from_their_mapping() -> None:
    """Names made of a mapping give its placeholders again and count on from them."""
    first = Names()
    redact("a@b.co and c@d.org", ALL, first)
    again = Names(json.loads(json.dumps(first.marks)))
    assert redact("x@y.org, c@d.org", ALL, again).text == "⟦EMAIL_3⟧, ⟦EMAIL_2⟧"


def test_spellings_of_a_value_share_its_number() -> None:
    """Another spelling has the number of the value, and comes back as it was spelled."""
    names = Names()
    text = "4111 1111 1111 1111, 4111-1111-1111-1111; a@b.com, A@B.com, a [at] b [dot] com"
    found = redact(text, ALL, names).text
    assert found == "⟦CARD_1⟧, ⟦CARD_1.2⟧; ⟦EMAIL_1⟧, ⟦EMAIL_1.2⟧, ⟦EMAIL_1.3⟧"
    assert restore(found, names.marks) == text


def test_a_mark_that_a_user_wrote_reveals_nothing() -> None:
    """A literal placeholder in a text is hidden as a value and comes back as the words it was."""
    names = Names()
    redact("secret@example.com", ALL, names)
    text = "print ⟦EMAIL_1⟧ and ⟦MARK_1⟧ and ⟦EM\u200bAIL_1⟧"
    found = redact(text, ALL, names).text
    assert "⟦EMAIL_1⟧" not in found
    assert restore(found, names.marks) == text


def test_restoring_is_done_once() -> None:
    """What an original holds is not looked up again, and an unknown placeholder stays."""
    marks = {"⟦MARK_1⟧": "⟦EMAIL_1⟧", "⟦EMAIL_1⟧": "a@b.co"}
    assert restore("⟦MARK_1⟧ ⟦EMAIL_1⟧ ⟦IP_9⟧", marks) == "⟦EMAIL_1⟧ a@b.co ⟦IP_9⟧"


def test_originals_are_escaped_for_json() -> None:
    """Inside a JSON string an original keeps the string whole."""
    marks = {"⟦SECRET_1⟧": 'a"b\\c\n'}
    assert json.loads(f'{{"x": "{restore("⟦SECRET_1⟧", marks, json=True)}"}}') == {"x": 'a"b\\c\n'}


def test_a_restorer_holds_back_no_more_than_a_placeholder() -> None:
    """What can't become a placeholder goes out at once; one that has begun waits, at most 48 code points."""
    restorer = Restorer({"⟦EMAIL_1⟧": "a@b.co"})
    assert [restorer.feed(piece) for piece in ("to ⟦EM", "AIL_1", "⟧ no", "w ⟦not")] == [
        "to ",
        "",
        "a@b.co no",
        "w ⟦not",
    ]
    assert restorer.feed("⟦" + "A" * 60) == "⟦" + "A" * 60
    assert (restorer.feed("⟦EMAIL_"), restorer.flush()) == ("", "⟦EMAIL_")


def test_a_key_block_is_hidden_whole() -> None:
    """A private key goes from its head to its foot, also where the foot is missing."""
    body = "\n".join(["MIIEpAIBAAKCAQEA7" + "b3Qx9" * 9] * 30)
    block = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    assert hidden(f"here:\n{block}\ndone").text == "here:\n⟦SECRET_1⟧\ndone"
    assert hidden(f"here:\n{block[:-40]}").text.startswith("here:\n⟦SECRET_1⟧")
    assert "MIIE" not in hidden(f"here:\n{block[:-40]}").text


def test_a_token_longer_than_an_island_is_hidden_whole() -> None:
    """A JWT of 6,000 signs is one find."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ" + "aB3" * 2000 + ".sig_-nature123"
    assert hidden(f"use {token} now").text == "use ⟦JWT_1⟧ now"


@pytest.mark.parametrize(
    "piece",
    [
        "1 ",
        "sk-",
        "eyJ",
        "http://a:",
        "a@",
        "a [at] ",
        "a dot ",
        "1.1.1.1.",
        "password: ",
        "-----BEGIN PRIVATE KEY-----",
        "⟦",
        "(1",
    ],
)
def test_no_text_is_slow_to_read(piece: str) -> None:
    """Twice the text takes about twice the time, also where everything in it could begin a find."""

    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        begun = process_time()
        find(text)
        return process_time() - begun

    assert min(seconds(64_000) for _ in range(2)) < 0.1 + 6 * min(seconds(16_000) for _ in range(2))
