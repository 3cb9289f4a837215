"""What an answer may not hold: found however it is written, and whatever the stream is cut into."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.faults import OutputBlocked
from shared.core.rules import OutputRules
from shared.guard.output import MASK, OutputGuard, folded, holds

PHRASES = ("Project Nimbus", "imbo", "\u00dcberweisung", "stra\u00dfe", "us now")
MASKING = OutputRules(PHRASES, then="mask")
REFUSING = OutputRules(PHRASES)


class Stars:
    """A redactor for tests: a run of digits becomes one star; it holds a run back until it is over."""

    def __init__(self) -> None:
        self._open = False

    def feed(self, text: str) -> str:
        out = ""
        for char in text:
            if char.isdigit():
                self._open = True
                continue
            out += ("*" if self._open else "") + char
            self._open = False
        return out

    def flush(self) -> str:
        out = "*" if self._open else ""
        self._open = False
        return out


class Slow:
    """A redactor that finds nothing, and holds back all that it can."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        self._held += text
        out, self._held = self._held[:-3], self._held[-3:]
        return out

    def flush(self) -> str:
        out, self._held = self._held, ""
        return out


def through(guard: OutputGuard, *pieces: str) -> str:
    return "".join([guard.feed(piece) for piece in pieces]) + guard.flush()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("We call it Project Nimbus.", f"We call it {MASK}."),
        ("PROJECT  \n\t nIMbus", MASK),
        ("Pro\u200bject\u00a0Nim\u00adbus", MASK),
        ("\uff30\uff52\uff4f\uff4a\uff45\uff43\uff54 \uff2e\uff49\uff4d\uff42us", MASK),
        ("Die U\u0308BERWEISUNG in der STRASSE", f"Die {MASK} in der {MASK}"),
        ("Project Nimbo", f"Project N{MASK}"),
        ("ProjectNimbus", "ProjectNimbus"),
        ("Project Nothing", "Project Nothing"),
        ("imb o", "imb o"),
        ("", ""),
        ("Proj", "Proj"),
        ("us\n\n\nnow", MASK),
        ("imboimbo", MASK * 2),
        ("iimbo", f"i{MASK}"),
    ],
)
def test_a_phrase_is_found_however_it_is_written(text: str, left: str) -> None:
    """Whatever its case, its width, its blanks and what is hidden in it; the first that is complete counts."""
    assert through(OutputGuard(MASKING), text) == left
    assert holds(text, PHRASES) == (MASK in left)
    if MASK in left:
        with pytest.raises(OutputBlocked):
            through(OutputGuard(REFUSING), text)
    else:
        assert through(OutputGuard(REFUSING), text) == text


TEXTS = st.text(
    alphabet=st.sampled_from("ProjectNimbus \n\u200b\u00a0\u00dc\u0308\u00dfsSnow\ufb01"), max_size=40
) | st.lists(
    st.sampled_from(
        [
            "Project",
            " ",
            "  ",
            "Nimb",
            "us",
            "now",
            "\u200b",
            "\u00fcber",
            "weisung",
            "stra",
            "\u00df",
            "e",
            "ss",
        ]
    ),
    max_size=12,
).map("".join)


@given(TEXTS, st.lists(st.integers(0, 60), max_size=6))
@example("Project Nimbus", [8])
def test_a_stream_is_checked_like_a_whole(text: str, cuts: list[int]) -> None:
    """The same goes out for every cut, and nothing that goes out holds a phrase."""
    edges = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    whole = through(OutputGuard(MASKING), text)
    assert through(OutputGuard(MASKING), *pieces) == whole
    assert not holds(whole, PHRASES)
    guard, sent = OutputGuard(REFUSING), ""
    try:
        for piece in pieces:
            sent += guard.feed(piece)
        sent += guard.flush()
        assert not holds(text, PHRASES)
        assert sent == text
    except OutputBlocked:
        assert holds(text, PHRASES)
        assert text.startswith(sent)
        assert not holds(sent, PHRASES)


@given(TEXTS)
def test_every_cut_in_two_is_the_same(text: str) -> None:
    """Between any two characters."""
    whole = through(OutputGuard(MASKING), text)
    for cut in range(len(text) + 1):
        assert through(OutputGuard(MASKING), text[:cut], text[cut:]) == whole


@given(TEXTS)
def test_no_more_is_held_back_than_the_longest_phrase(text: str) -> None:
    """Counted as phrases are: a run of blanks is one, what can't be seen is none."""
    longest = max(len(folded(phrase)) for phrase in PHRASES)
    guard, sent = OutputGuard(OutputRules(PHRASES, then="mask")), 0
    for at, char in enumerate(text, 1):
        out = guard.feed(char)
        sent = at if MASK in out else sent + len(out)
        assert len(folded(text[sent:at])) < longest


def test_what_can_begin_no_phrase_goes_out_at_once() -> None:
    """A stream does not wait for nothing."""
    guard = OutputGuard(REFUSING)
    assert guard.feed("Tea cools. ") == "Tea cools. "
    assert guard.feed("A pro") == "A "
    assert guard.feed("of.") == "proof."


def test_nothing_goes_out_behind_a_refusal() -> None:
    """Neither more of the answer nor what was held back."""
    guard = OutputGuard(REFUSING)
    with pytest.raises(OutputBlocked) as refused:
        guard.feed("Project Nimbus and")
    assert refused.value.code == "output_blocked"
    assert "imbus" not in refused.value.message
    with pytest.raises(OutputBlocked):
        guard.feed("more")
    with pytest.raises(OutputBlocked):
        guard.flush()


@pytest.mark.parametrize("cut", range(12))
def test_types_are_found_by_the_redactor_that_was_given(cut: int) -> None:
    """Where it changes the text it found something: that is masked by it, or the answer is refused."""
    text = "call 555 now"
    types = frozenset({"PHONE"})
    masked = through(OutputGuard(OutputRules(types=types, then="mask"), Stars()), text[:cut], text[cut:])
    assert masked == "call * now"
    with pytest.raises(OutputBlocked):
        through(OutputGuard(OutputRules(types=types), Stars()), text[:cut], text[cut:])
    assert through(OutputGuard(OutputRules(types=types), Slow()), text[:cut], text[cut:]) == text


def test_a_redactor_that_swallows_the_end_has_found_something() -> None:
    """A text that does not come out again is not let go as if it had."""

    class Swallows(Slow):
        def flush(self) -> str:
            return ""

    with pytest.raises(OutputBlocked):
        through(OutputGuard(OutputRules(types=frozenset({"SECRET"})), Swallows()), "a key")
