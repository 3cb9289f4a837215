"""Laws of the join: a text that broke off anywhere is whole again, whatever a model says at the seam."""

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.models.splice import Seam, Unfinished, joined
from tests.laws.splice_texts import ALL, CHINESE, CODE, EMOJI, JSON, MARKDOWN, POEM, PRETTY, PROSE, RUSSIAN

SHORT = 12
"""Code points of a text that are too little to know it by."""
LATIN = ("prose", "markdown", "russian", "arabic", "hindi", "korean", "crlf")
STRUCTURED = (JSON, PRETTY)
SIGNS = [*'ab.,: \n|-`{}[]"1', "the ", "tea ", "```\n", "Sure, ", "# "]


def last(sent: str, count: int) -> str:
    """The last `count` things between spaces, with their spaces."""
    return "".join(re.findall(r"\S+\s*", sent)[-count:])


SAID: dict[str, Callable[[str, str], str]] = {
    "exact": lambda _sent, rest: rest,
    "echo": lambda sent, rest: sent + rest,
    "remark": lambda _sent, rest: "Continuing from where I stopped:\n\n" + rest,
    "last 8": lambda sent, rest: last(sent, 8) + rest,
    "last 3": lambda sent, rest: last(sent, 3) + rest,
    "remark, last 5": lambda sent, rest: "Sure, here is the rest:\n\n" + last(sent, 5) + rest,
    "remark, echo": lambda sent, rest: "Here is the continuation:\n\n" + sent + rest,
    "space": lambda _sent, rest: " " + rest.lstrip(),
    "no space": lambda _sent, rest: rest.lstrip(),
}
"""What models write in place of the rest, by what they do."""


def cuts(text: str) -> range:
    """Every place where a text may break off."""
    return range(SHORT, len(text))


def behind_words(text: str) -> list[int]:
    """The places behind a space: the live path holds an unfinished word back, so its texts break off there."""
    return [cut for cut in cuts(text) if text[cut - 1].isspace()]


def good(text: str, style: str, cut: int) -> bool:
    """Whether the whole text comes out."""
    return joined(text[:cut], SAID[style](text[:cut], text[cut:])).text == text


@pytest.mark.parametrize("style", ["exact", "echo", "last 8", "remark, last 5", "remark, echo"])
@pytest.mark.parametrize("text", ALL.values(), ids=ALL)
def test_every_cut_of_every_text_is_joined_to_that_text(text: str, style: str) -> None:
    """Inside words, numbers, links, cells, clusters and escapes too, to the last space."""
    assert [cut for cut in cuts(text) if not good(text, style, cut)] == []


@pytest.mark.parametrize("name", LATIN)
@pytest.mark.parametrize("style", ["remark", "last 3"])
def test_behind_words_a_remark_and_three_words_more_are_seen(name: str, style: str) -> None:
    """In prose and Markdown at every cut. Three signs of code may be code: see the measured rates."""
    text = ALL[name]
    found = [cut for cut in behind_words(text) if not good(text, style, cut)]
    assert [cut for cut in found if "```" not in text[:cut] and not text[:cut].endswith("|---|\n| ")] == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("style", ["space", "no space"])
def test_behind_words_no_word_is_lost_or_glued_over_a_space(name: str, style: str) -> None:
    """A space too many or too few changes no word; which break of lines was meant can't be known."""
    text = ALL[name]
    if (name, style) == ("code", "no space"):
        return  # it has a line twice: without its indentation that is an echo
    for cut in behind_words(text):
        whole = joined(text[:cut], SAID[style](text[:cut], text[cut:])).text
        assert whole.split() == text.split(), (cut, text[:cut][-20:])


def test_measured_rates_hold() -> None:
    """What can't always be known is known this often, over all texts and cuts: half words before a space or a remark,
    three signs again."""
    least = {"last 3": 0.99, "remark": 0.975}
    for style, rate in least.items():
        tried = [good(text, style, cut) for text in ALL.values() for cut in cuts(text)]
        assert sum(tried) / len(tried) >= rate, style


@pytest.mark.parametrize("text", STRUCTURED, ids=["compact", "pretty"])
@pytest.mark.parametrize("style", ["exact", "echo", "last 3", "remark", "remark, echo"])
def test_json_stays_json_at_every_cut(text: str, style: str) -> None:
    """The same value comes out, whether it is known to be JSON or not."""
    for cut in range(2, len(text)):
        rest = SAID[style](text[:cut], text[cut:])
        seam = Seam(text[:cut], json=True)
        whole = text[:cut] + seam.feed(rest) + seam.decide()
        assert json.loads(whole) == json.loads(text), (cut, rest[:40])


def test_json_told_again_in_another_layout_is_the_same_value() -> None:
    """Spaces outside strings are nobody's business."""
    value = json.loads(JSON)
    for again in (json.dumps(value, indent=2), json.dumps(value, separators=(",", ":"))):
        for cut in range(20, len(JSON)):
            if "\\u" in JSON[:cut] or JSON[:cut].endswith("\\"):
                break
            seam = Seam(JSON[:cut], json=True)
            whole = JSON[:cut] + seam.feed(again) + seam.decide()
            assert json.loads(whole) == value, (cut, JSON[:cut][-20:])


@pytest.mark.parametrize(
    "text", [PROSE[:300], MARKDOWN[-420:], CHINESE, EMOJI, POEM[:160], CODE[:120], RUSSIAN, JSON]
)
@pytest.mark.parametrize("style", ["exact", "echo", "last 8", "remark"])
def test_any_two_pieces_give_what_one_gives(text: str, style: str) -> None:
    """At every place where a continuation can be cut in two."""
    sent, rest = text[: len(text) // 2], text[len(text) // 2 :]
    said = SAID[style](sent, rest)
    whole = joined(sent, said)
    for cut in range(1, len(said)):
        seam = Seam(sent)
        out = seam.feed(said[:cut]) + seam.feed(said[cut:]) + seam.decide()
        assert (seam.how, sent + out) == (whole.how, whole.text), cut


@given(
    text=st.sampled_from(list(ALL.values())),
    style=st.sampled_from(list(SAID)),
    cut=st.integers(1, 1_200),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
def test_the_split_of_a_stream_changes_nothing(text: str, style: str, cut: int, sizes: list[int]) -> None:
    """However a continuation is cut into pieces, the same goes out."""
    sent, rest = text[: cut % len(text)], text[cut % len(text) :]
    _same(sent, SAID[style](sent, rest), sizes)


@given(st.text(max_size=300), st.text(max_size=400), st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_no_text_breaks_the_join(sent: str, rest: str, sizes: list[int]) -> None:
    """Any two texts have an answer; what readers have is never taken back, but for a marked restart."""
    found = joined(sent, rest)
    assert found.text == rest if found.how == "restart" else found.text.startswith(sent)
    _same(sent, rest, sizes)


@given(
    st.lists(st.sampled_from(SIGNS), max_size=40),
    st.lists(st.sampled_from([*SIGNS, "Sure, here is the rest:\n"]), max_size=60),
    st.booleans(),
)
def test_signs_in_any_order_break_nothing(sent: list[str], rest: list[str], known: bool) -> None:
    """Letter by letter as all at once, with JSON and without."""
    whole, said = "".join(sent), "".join(rest)
    once, often = Seam(whole, json=known), Seam(whole, json=known)
    out = once.feed(said) + once.decide()
    assert "".join(map(often.feed, said)) + often.decide() == out
    assert (once.how, once.failed) == (often.how, often.failed)


def _same(sent: str, said: str, sizes: list[int]) -> None:
    seam, out, at, turn = Seam(sent), "", 0, 0
    while at < len(said):
        size = sizes[turn % len(sizes)]
        out += seam.feed(said[at : at + size])
        at, turn = at + size, turn + 1
    out += seam.decide()
    whole = joined(sent, said)
    assert (seam.how, sent + out) == (whole.how, whole.text) or (seam.failed and whole.how == "restart")


def test_it_is_decided_soon() -> None:
    """A text that says nothing again goes out after its first word, one that says everything again after that."""
    assert Seam("The tea in the cup ").feed("cools slowly ") == "cools slowly "
    seam, fed = Seam(PROSE[:200]), 0
    for char in PROSE[:200] + PROSE[200:]:
        fed += 1
        if seam.feed(char):
            break
    assert fed <= 200 + 20


@given(st.lists(st.text(max_size=20), max_size=12))
def test_holding_back_loses_nothing(pieces: list[str]) -> None:
    """What went out and what was held make up what came; what is held is no longer than a word."""
    held = Unfinished()
    out = "".join(held.feed(piece) for piece in pieces)
    rest = held.end()
    assert out + rest == "".join(pieces)
    assert len(rest) <= 65
