"""The simulator's prose: on the subject, in the form asked for, the same each time."""

import difflib
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.simulator import catalogue, compose, intent, prose, tokens
from infra.simulator.answer import Ask, Turn


def _write(user: str, system: str = "", seed: int = 11) -> str:
    turns = (*((Turn("system", system),) if system else ()), Turn("user", user))
    return prose.write(turns, seed)


_BRIEF = "Brief: How tide mills worked, including gates, wheels and night shifts\nAudience: curious walkers\n"
_DRAFT = (
    f"Write an article of about 700 words in Markdown.\n\n{_BRIEF}Tone: clear and concrete\n\nResearch notes:\n"
    "- Gates opened twice a day [1]."
)


def test_research_gives_cited_findings() -> None:
    """A research step gets bullets, each with a citation that a source answers."""
    found = _write(
        f"Research notes for an article.\n\n{_BRIEF}List eight to twelve findings, one a line.",
        "You are a researcher. Give facts with sources, no opinions and no introduction.",
    )
    bullets = [line for line in found.splitlines() if line.startswith("- ")]
    assert len(bullets) >= 7
    assert all(re.search(r"\[\d\]", line) for line in bullets)
    cited = set(re.findall(r"\[(\d)\]", " ".join(bullets)))
    assert cited <= set(re.findall(r"(?m)^\[(\d)\] ", found))
    assert "tide mills" in found


def test_a_draft_is_an_article() -> None:
    """A draft step gets a title, an introduction and sections of prose of about the length asked for."""
    found = _write(_DRAFT, "You are a writer. One `# ` title, a short introduction, then `## ` sections.")
    assert found.startswith("# ")
    assert 4 <= len(re.findall(r"(?m)^## ", found)) <= 7
    assert 500 <= len(found.split()) <= 900
    assert "tide mills" in found.lower()
    assert "curious walkers" in found
    assert re.search(r"(?m)^- ", found)
    sentences = re.findall(r"[^.!?\n]{30,}[.!?]", found)
    assert len(sentences) == len(set(sentences))


def test_a_polish_edits_the_draft_that_it_was_given() -> None:
    """A polish step keeps title, headings and nearly all words, and changes something."""
    draft = _write(_DRAFT, "You are a writer.")
    asked = (
        "Polish this article for curious walkers. Tone: clear. Keep every fact and the Markdown shape: one `# ` title,"
        f" an introduction, `## ` sections. Return the whole article and nothing else.\n\n{draft}"
    )
    found = _write(asked, "You are an editor.")
    assert found != draft
    assert re.findall(r"(?m)^#+ .+", found) == re.findall(r"(?m)^#+ .+", draft)
    assert difflib.SequenceMatcher(None, draft, found).ratio() > 0.85


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("Reply with exactly: OK", "OK"),
        ("Reply with the single word pong.", "pong"),
        ('Say "good day, all"', "good day, all"),
        ("Respond with just the word yes", "yes"),
        ("Say hello", "hello"),
        ("What is 17*23?", "17*23 = 391"),
        ("Compute 12 + 30 * 2. Only the number.", "72"),
        ("what is 7 times 8? just the number", "56"),
        ("1,000 divided by 8 is? Only the number", "125"),
        ("Count from 1 to 5", "1, 2, 3, 4, 5"),
    ],
)
def test_plain_tasks_get_plain_answers(asked: str, answer: str) -> None:
    """Words to repeat are repeated and sums are right."""
    assert _write(asked) == answer


@pytest.mark.parametrize(
    "asked", ["On 2026-11-21 we met", "Reply only with valid JSON about cats", "Say something nice"]
)
def test_what_only_looks_like_one_is_none(asked: str) -> None:
    """Dates are no sums, and an instruction about the form is nothing to repeat."""
    assert len(_write(asked).split()) > 30


@given(left=st.integers(-999, 999), right=st.integers(-999, 999), sign=st.sampled_from("+-*"))
def test_sums_are_right(left: int, right: int, sign: str) -> None:
    """Any sum of two whole numbers has its value."""
    found = intent.arithmetic(f"What is {left} {sign} {right}?")
    assert found is not None
    assert int(found[1]) == {"+": left + right, "-": left - right, "*": left * right}[sign]


def test_lists_and_lengths_are_kept() -> None:
    """A number of tips, of sentences and of words is what comes back."""
    assert len(re.findall(r"(?m)^\d+\. ", _write("Give me 7 tips for sailing at night"))) == 7
    assert len(re.findall(r"[.!?](?:\s|$)", _write("Explain photosynthesis in two sentences"))) == 2
    assert 90 <= len(_write("Tell me about basalt in 120 words").split()) <= 126


def test_a_fence_inside_a_draft_stays() -> None:
    """A draft that holds a code block is polished whole, and one that stands in a fence is taken out of it."""
    draft = "# Sorting\n\n" + "Sorting puts things in order, provided that they can be compared. " * 6
    draft += "\n\n```python\nsorted(things)\n```\n\n## End\n\nThat is all."
    found = _write(f"Polish this article.\n\n{draft}")
    assert "sorted(things)" in found
    assert "That is all." in found
    plain = draft.replace("```python\nsorted(things)\n```\n\n", "")
    fenced = _write(f"Polish this article.\n\n```markdown\n{plain}\n```\nReturn Markdown only.")
    assert fenced.startswith("# Sorting")
    assert "Return Markdown only" not in fenced


@pytest.mark.parametrize(
    "filler", ["\n", "<a>", "<a></b>", " ", "1+", "# x\n", "```\n", "brief: ", "\"'`", "Ab "]
)
@pytest.mark.parametrize("opening", ["", "Polish this draft:\n# T\n"])
def test_two_megabytes_of_anything_take_moments(filler: str, opening: str) -> None:
    """No repetition makes reading a prompt take more than its length."""
    began = time.monotonic()
    _write(opening + filler * (2_000_000 // len(filler)))
    assert time.monotonic() - began < 5


@given(text=st.text(max_size=400))
def test_pieces_join_to_the_text(text: str) -> None:
    """Tokens lose nothing, whatever the script."""
    assert "".join(tokens.pieces(text)) == text


@given(text=st.text(min_size=1, max_size=300), system=st.text(max_size=100))
@settings(deadline=None)
def test_every_message_gets_the_same_words_each_time(text: str, system: str) -> None:
    """Any message gets an answer, and the same one again."""
    assert _write(text, system) == _write(text, system)


def test_models_differ_and_limits_do_not_change_words() -> None:
    """Two models answer the same question differently; a limit only cuts; choices differ."""
    turns = (Turn("user", "Explain why bridges hum"),)
    texts = {model.id: compose.answers(Ask(model, turns))[0].text for model in catalogue.writers()}
    assert len(set(texts.values())) == len(texts)
    model = catalogue.writers()[0]
    cut = compose.answers(Ask(model, turns, max_tokens=60))[0]
    assert texts[model.id].startswith(cut.text)
    assert (cut.finish, cut.output_tokens) == ("length", 60)
    first, second = compose.answers(Ask(model, turns, n=2))
    assert first.text != second.text
