"""What a text's content key holds, and what it leaves out."""

import pytest

from shared.recall.near.content import LONGEST, content, content_key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Please explain twenty-five percent of one hundred and five, thanks!", "explain 25 percent of 105"),
        ("between one hundred and two hundred", "between 100 and 200"),
        ("Two million three million birds", "2000000 3000000 birds"),
        ("What's the colour of how's hat?", "what is the color of how is hat"),
        ("How do I say please", "how do i say please"),
        ("Hello! Could you summarise it?", "summarize it"),
        ("I'd like tea; they'd gone", "i would like tea ; they'd gone"),
    ],
)
def test_content_is_what_is_said(text: str, words: str) -> None:
    """Nothing but manners and spelling is taken away."""
    found = content(text)
    assert found is not None
    assert " ".join(found) == words


@pytest.mark.parametrize(
    "text",
    [
        "",
        "???",
        "Was ist die Hauptstadt von Frankreich?",
        "東京の天気は?",
        "What does `x` do?",
        "Fix this:\n```\na = 1\n```",
        "why is f(x) = 2 here",
        "the " * LONGEST,
    ],
)
def test_what_words_alone_do_not_tell_has_no_key(text: str) -> None:
    """Code, other languages, what is empty or too long: the exact tier is all there is."""
    assert content_key(text) is None


def test_placeholders_are_part_of_the_key() -> None:
    """Each by its own name, in its place."""
    keys = {
        content_key(text)
        for text in ("Write to ⟦EMAIL_1⟧.", "Write to ⟦EMAIL_2⟧.", "Please write to ⟦EMAIL_1⟧")
    }
    assert None not in keys
    assert len(keys) == 2
