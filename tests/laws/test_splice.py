"""Laws of the join: an exact continuation joins to the original at every cut, and so does every echo of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.models.splice import Seam, Unfinished, joined

PROSE = (
    "A cup of tea gives its heat away in several ways at once. The surface radiates, the air above it carries warmth "
    "off, and the cup itself takes its share; none of these ever rests. Newton wrote the law down in 1701, and it "
    "still holds for every cup that is left on a table: the warmer it is, the faster it cools.\n"
)
MARKDOWN = """# Why tea cools

- **Radiation** leaves from every warm surface.
- **Convection** carries it off with the moving air.

| way | share | note |
|---|---|---|
| radiation | 20 % | grows fast |
| convection | 50 % | needs air |

```python
def cool(t, room, k):
    for _ in range(10):
        t -= k * (t - room)
    return t
```

In the end the tea is as warm as the room.
"""
JSON = (
    '{"title": "Why tea cools", "ways": [{"name": "radiation", "share": 0.2}, {"name": "air", "share": 0.5}]}'
)
CHINESE = "一杯茶会慢慢变凉,因为热量从表面散失到空气里。牛顿在一七〇一年写下了冷却定律,至今仍然有效。\n"
ARABIC = "يبرد الشاي لأن الحرارة تنتقل من سطحه إلى الهواء المحيط به، ثم إلى جدران الكوب والطاولة.\n"
HINDI = "चाय इसलिए ठंडी होती है क्योंकि उसकी गर्मी सतह से हवा में चली जाती है और प्याला भी कुछ गर्मी ले लेता है।\n"
EMOJI = (
    "Tea \U0001f375 cools, says the family \U0001f468‍\U0001f469‍\U0001f467: flags \U0001f1eb\U0001f1f7 too.\n"
)
TEXTS = [PROSE, MARKDOWN, JSON, CHINESE, ARABIC, HINDI, EMOJI]


def _tokens(sent: str, count: int) -> str:
    """The last `count` things between spaces, with their spaces."""
    return "".join(re.findall(r"\S+\s*", sent)[-count:])


def said(style: str, sent: str, rest: str) -> str:
    """What a model writes in place of `rest`."""
    return {
        "exact": rest,
        "echo": sent + rest,
        "preamble": "Continuing from where I stopped:\n\n" + rest,
        "repeat": _tokens(sent, 8) + rest,
        "remark and repeat": "Sure, here is the rest:\n\n" + _tokens(sent, 5) + rest,
    }[style]


@pytest.mark.parametrize("style", ["exact", "echo"])
@pytest.mark.parametrize(
    "text", TEXTS, ids=["prose", "markdown", "json", "chinese", "arabic", "hindi", "emoji"]
)
def test_every_cut_of_a_text_is_joined_to_that_text(text: str, style: str) -> None:
    """Inside words, numbers, links, clusters and escapes too."""
    for cut in range(30, len(text)):
        sent, rest = text[:cut], text[cut:]
        assert joined(sent, said(style, sent, rest)).text == text, (cut, sent[-20:])


@pytest.mark.parametrize("style", ["preamble", "repeat", "remark and repeat"])
@pytest.mark.parametrize(
    "text", [PROSE, MARKDOWN, ARABIC, HINDI], ids=["prose", "markdown", "arabic", "hindi"]
)
def test_every_cut_behind_a_word_bears_what_models_say_at_the_seam(text: str, style: str) -> None:
    """The live path cuts there: an unfinished word is held back."""
    for cut in range(30, len(text)):
        sent, rest = text[:cut], text[cut:]
        if sent[-1].isspace():
            assert joined(sent, said(style, sent, rest)).text == text, (cut, sent[-20:])


@given(
    text=st.sampled_from(TEXTS),
    style=st.sampled_from(["exact", "echo", "preamble", "repeat", "remark and repeat"]),
    cut=st.integers(10, 400),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=12),
)
def test_the_split_of_a_stream_changes_nothing(text: str, style: str, cut: int, sizes: list[int]) -> None:
    """However a continuation is cut into pieces, the same goes out."""
    sent, rest = text[: cut % len(text)], text[cut % len(text) :]
    words = said(style, sent, rest)
    seam, out, at, turn = Seam(sent), "", 0, 0
    while at < len(words):
        size = sizes[turn % len(sizes)]
        out += seam.feed(words[at : at + size])
        at, turn = at + size, turn + 1
    out += seam.decide()
    whole = joined(sent, words)
    assert (seam.how, sent + out) == (whole.how, whole.text) or (seam.failed and whole.how == "restart")


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_the_join(sent: str, rest: str) -> None:
    """Any two texts have an answer; what readers have is never taken back, but for a marked restart."""
    found = joined(sent, rest)
    assert found.text == rest if found.how == "restart" else found.text.startswith(sent)


@given(st.lists(st.text(max_size=20), max_size=12))
def test_holding_back_loses_nothing(pieces: list[str]) -> None:
    """What went out and what was held make up what came; what is held is no longer than a word."""
    held = Unfinished()
    out = "".join(held.feed(piece) for piece in pieces)
    rest = held.end()
    assert out + rest == "".join(pieces)
    assert len(rest) <= 65
