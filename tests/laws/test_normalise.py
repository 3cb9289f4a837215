"""Laws of the canonical form: it is total, it is its own canonical form, and two visible things never become one."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.prompt import Message, Prompt
from shared.recall.fingerprint import canonical_prompt
from shared.recall.invisible import RUN
from shared.recall.normalise import VERSION, normalise

SEVENTEEN = 17
"""Planes. Tests walk them one by one, so that they run beside each other."""
AROUND = {
    "alone": ("", ""),
    "between letters": ("a", "b"),
    "between Arabic letters": ("ب", "ب"),
    "behind a space": ("a ", " b"),
    "behind an emoji": ("\U0001f469", "\U0001f4bb"),
    "first in a line": ("a\n", "b\nc"),
}
CODE = {
    "fence": ("```\n", "\n```"),
    "tildes": ("~~~ py\n", "\n~~~\nso?"),
    "span": ("Say `x", "x`?"),
    "double span": ("Say ``x", "x``?"),
    "indented": ("Why?\n\n    x", "x\n\nso?"),
}
SIGNS = [
    *"ab `~>-1.\n\t\\",
    *("```", "~~~", "    ", "  ", "\r", "\r\n", "\x85", "\u2028", "> ", "- "),
    *"\u200b\u200c\u200d\ufe0f\ufe0e\u034f\u200e\u200f\u202e\u202c\u2066\u2069\u061c\xa0\u3000\ufeff\xad\ud800\u2060",
    *"éاشกา❤😀👩💻🏴1⃣कא漢가ᠠﬁｶ",
    *"\u0301\u064e\u094d\u05b8\u05b0\u1100\u1161\u1160\u3164\uff40\uff5e\uff9e\u1fef\u180e\u180b\u202f\ufef5\ufe00",
    *"\U000e0067\U000e0062\U000e007f\U000e0100",
]
TEXTS = st.lists(st.sampled_from(SIGNS), max_size=24).map("".join) | st.text(
    st.characters(exclude_categories=[]), max_size=40
)


def plane(number: int) -> list[str]:
    """Its assigned characters, half surrogate pairs and private ones too."""
    found = map(chr, range(number << 16, (number + 1) << 16))
    return [char for char in found if unicodedata.category(char) != "Cn"]


@pytest.mark.parametrize("number", range(SEVENTEEN))
@pytest.mark.parametrize("where", AROUND)
def test_every_character_anywhere_has_one_canonical_form(where: str, number: int) -> None:
    """Once and twice in a row, among whatever stands round it."""
    before, after = AROUND[where]
    for char in plane(number):
        for text in (before + char + after, before + char + char + after):
            found = normalise(text)
            assert normalise(found) == found, ascii(text)


@pytest.mark.parametrize("number", range(SEVENTEEN))
@pytest.mark.parametrize("where", CODE)
def test_every_character_in_code_is_left_as_it_is(where: str, number: int) -> None:
    """But for the signs that the code's own borders are made of: a carriage return before its line's end is one."""
    before, after = CODE[where]
    for char in plane(number):
        if char not in "\n\r`":
            assert normalise(before + char + after) == before + char + after, ascii(char)


def dressed(char: str) -> bool:
    """Whether the allow-list names it: fi-ligatures, widths, Arabic presentation forms, the micro sign."""
    kind = unicodedata.decomposition(char).partition(" ")[0]
    arabic = "\ufb50" <= char <= "\ufdef" or "\ufe70" <= char <= "\ufefc"
    latin = "\ufb00" <= char <= "\ufb17"
    return kind in ("<wide>", "<narrow>") or char == "\xb5" or (kind != "" and (arabic or latin))


def blank(char: str) -> bool:
    """Whether it has no ink: a space, a line's end, or ignorable by default."""
    ignorable = RUN.fullmatch(char) is not None
    return (
        ignorable or char in "\u3164\uffa0" or (char.isspace() and char not in "\t\x0b\x0c\x1c\x1d\x1e\x1f")
    )


@pytest.mark.parametrize(("before", "after"), [("a", "b"), ("ب", "ب"), ("漢", "漢"), ("1", "2")])
def test_no_two_visible_characters_become_one(before: str, after: str) -> None:
    """But those that are canonically equivalent, and the allow-list's."""
    seen: dict[str, str] = {}
    for number in range(SEVENTEEN):
        for char in plane(number):
            if blank(char) or (char != "\u1680" and unicodedata.category(char) == "Zs"):
                continue
            text = before + char + after
            found = normalise(text)
            if dressed(char):
                assert unicodedata.normalize("NFKC", found) == unicodedata.normalize("NFKC", text), ascii(
                    char
                )
                continue
            if (other := seen.setdefault(found, char)) != char:
                same = unicodedata.normalize("NFC", before + other + after)
                assert same == unicodedata.normalize("NFC", text), (ascii(other), ascii(char))


@pytest.mark.parametrize("number", range(SEVENTEEN))
def test_a_visible_character_stays_visible(number: int) -> None:
    """Nothing with ink is taken out, whatever it stands beside."""
    for char in plane(number):
        if not blank(char) and char not in " \t\n":
            assert normalise(f"a{char}b") != "ab", ascii(char)
            assert normalise(char).strip() != "" or char.isspace(), ascii(char)


@given(TEXTS)
@example("\u200b```\na  b\n```")
@example("``\u200b`a  b`")
@example("\u1fef```\u0634\u180e\r\u2069\u1820~```")
@example("a\u0301\u200b\u0316\u034f\u0301")
@example("\U000e0067\U0001f3f4\U000e0067\u200b\U000e0062\U000e007f")
def test_the_canonical_form_is_its_own(text: str) -> None:
    """Also for texts that are made to be read otherwise once they are put in order."""
    found = normalise(text)
    assert normalise(found) == found


@given(TEXTS, st.sampled_from("\u200b\u2060\ufeff\xad"), st.integers(0, 40))
def test_an_invisible_character_in_plain_prose_makes_no_difference(text: str, char: str, at: int) -> None:
    """Wherever it stands between Latin letters."""
    words = "".join(sign for sign in text if sign.isascii() and sign.isalnum())
    assert normalise(words[:at] + char + words[at:]) == normalise(words)


@given(TEXTS)
def test_line_ends_make_no_difference(text: str) -> None:
    """Those of another system, in prose and in code."""
    plain = text.replace("\r", "")
    assert normalise(plain.replace("\n", "\r\n")) == normalise(plain)


@given(TEXTS)
def test_a_fence_keeps_all_that_stands_in_it(text: str) -> None:
    """To the byte, save CRLF."""
    inside = text.replace("\r", "").replace("`", "")
    whole = f"Why?\n````\n{inside}\n````\nSo  what"
    assert normalise(whole) == f"Why?\n````\n{inside}\n````\nSo what"


@given(st.lists(TEXTS, max_size=4))
def test_a_canonical_prompt_is_the_same_object_again(texts: list[str]) -> None:
    """Only texts are touched, and only where they have to be."""
    prompt = Prompt(tuple(Message("user", text) for text in texts))
    found = canonical_prompt(prompt)
    assert [message.text for message in found.messages] == [normalise(text) for text in texts]
    assert canonical_prompt(found) is found


@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 100_000,
        "\u0f71" + "\u0f73\u0301" * 50_000,
        "ا\u200c" * 100_000,
        "".join("`" * length + "a" for length in range(1, 600)),
        "`\u2028" * 100_000,
        ("\U0001f3f4" + "\U000e0061" * 7) * 20_000,
        "> " * 100_000 + "```",
        "\r" * 200_000,
        "\u200fa" * 100_000,
    ],
    ids=[
        "marks",
        "double marks",
        "joiners",
        "ticks",
        "ticks and breaks",
        "tags",
        "quotations",
        "breaks",
        "controls",
    ],
)
@pytest.mark.timeout(10)
def test_no_text_keeps_us_busy(text: str) -> None:
    """Two hundred thousand code points made for it: time grows with the length, not with its square."""
    found = normalise(text)
    assert normalise(found) == found


def test_the_version_names_the_unicode_it_stands_on() -> None:
    """Another one may compose otherwise, so it is in every key."""
    assert unicodedata.unidata_version in VERSION
