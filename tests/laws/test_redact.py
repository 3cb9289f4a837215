"""A stream is redacted as its whole is, wherever it is cut, and everything comes back."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.guard.redact.engine import ALL, find, redact
from shared.guard.redact.names import Names
from shared.guard.redact.restoring import Restorer, restore
from shared.guard.redact.stream import StreamRedactor
from tests.redact_lines.clean import clean
from tests.redact_lines.lines import lines

TEXTS = (*(line.text for line in lines()), *clean())
PARTS = 24
PIECES = (
    "a", "at", " dot ", " ", "\n", "@", ".", "1", "23", "4111", "-", "(", ")", "[at]", "+", "\u200b", "é", "密码：",
    "password:", "key", "sk-", "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "-----BEG",
    "eyJhbGciOi", ":", "=", '"',
    "QQ", "AB", "I", "⟦", "⟧", "⟦EMAIL_1⟧", "٤", "ſ", "İ", "is", "token", "_", "/", "://", "x" * 30, "A1b2" * 20,
    "\r\n", "\t", "，",
    "j o h n @ e x . c o m", "\xa0", "A1b2" * 400, " " * 20,
)  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=6) | st.sampled_from(TEXTS), max_size=30).map(
    "".join
)


def streamed(pieces: list[str]) -> str:
    """What a redactor lets out of a text in pieces."""
    redactor = StreamRedactor(ALL, Names())
    return "".join([*(redactor.feed(piece) for piece in pieces), redactor.flush()])


@pytest.mark.parametrize("part", range(PARTS))
def test_every_cut_of_every_line_gives_the_whole(part: int) -> None:
    """Each two-way cut of each line of the corpus, and the line sign by sign, give what the whole gives."""
    for text in TEXTS[part::PARTS]:
        whole = redact(text, ALL, Names()).text
        assert streamed(list(text)) == whole
        for cut in range(len(text) + 1):
            assert streamed([text[:cut], text[cut:]]) == whole, cut


@settings(deadline=None, max_examples=300)
@given(texts, st.lists(st.floats(0, 1), max_size=30))
def test_any_cuts_of_any_text_give_the_whole(text: str, cuts: list[float]) -> None:
    """Any text in any pieces."""
    places = [0, *sorted(int(cut * len(text)) for cut in cuts), len(text)]
    assert streamed([text[first:last] for first, last in pairwise(places)]) == redact(text, ALL, Names()).text


@settings(deadline=None, max_examples=300)
@given(texts)
def test_all_comes_back(text: str) -> None:
    """A text redacted and restored is the text; its spans are in order and none lies over another."""
    names = Names()
    found = redact(text, ALL, names)
    assert restore(found.text, names.marks) == text
    ends = [place for span in found.spans for place in (span.start, span.end)]
    assert ends == sorted(ends)
    assert [span for span in found.spans if span.type != "MARK"] == list(find(text))


@settings(deadline=None, max_examples=200)
@given(texts, st.lists(st.floats(0, 1), max_size=20))
def test_a_restored_stream_is_the_restored_whole(text: str, cuts: list[float]) -> None:
    """Originals come back wherever their placeholders are cut."""
    names = Names()
    shown = redact(text, ALL, names).text
    restorer = Restorer(names.marks)
    places = [0, *sorted(int(cut * len(shown)) for cut in cuts), len(shown)]
    out = [restorer.feed(shown[first:last]) for first, last in pairwise(places)]
    assert "".join([*out, restorer.flush()]) == text


def test_prose_is_held_back_by_a_word() -> None:
    """In prose a stream runs at most a few words behind, whatever its pieces."""
    chance = random.Random(1)
    words = "the bees fly home over a field of clover and then they dance for one another in the dark".split()
    text = " ".join(chance.choices(words, k=400))
    redactor = StreamRedactor(ALL, Names())
    behind, out = [], 0
    for place, sign in enumerate(text):
        out += len(redactor.feed(sign))
        behind.append(place + 1 - out)
    assert max(behind) <= 24
