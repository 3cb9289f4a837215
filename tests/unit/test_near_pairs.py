"""What the near tier may serve and must not, on pairs written for it. Cosines are taken for 1: the verifier alone."""

import pytest

from shared.adapters.embedding.minilm import MiniLM
from shared.recall.near.content import content_key
from shared.recall.near.verify import LEAST, verdict
from tests.near_pairs.pairs import Pair, negatives, paraphrases, trivial, typos

HALVES = pytest.mark.parametrize("half", ["dev", "held"])


@HALVES
def test_nothing_is_served_for_what_differs(half: str) -> None:
    """Not one of thousands of adversarial pairs passes, even were all their vectors the same."""
    pairs = negatives(half)
    assert len(pairs) >= 2_300
    assert [pair for pair in pairs if verdict(pair.a, pair.b, 1.0).near] == []


@HALVES
def test_adversarial_pairs_have_names_of_their_own(half: str) -> None:
    """The content key, which no vector checks, tells them apart as well."""
    same = [pair for pair in negatives(half) if content_key(pair.a) is not None]
    assert [pair for pair in same if content_key(pair.a) == content_key(pair.b)] == []


@HALVES
def test_trivial_variants_have_one_name(half: str) -> None:
    """Politeness, marks at the ends, spaces, contractions, spelling and number words need no vector: 99 % and more."""
    pairs = trivial(half, 600)
    missed = [
        pair for pair in pairs if content_key(pair.a) is None or content_key(pair.a) != content_key(pair.b)
    ]
    assert len(missed) <= len(pairs) * 0.01, missed[:5]


@HALVES
@pytest.mark.parametrize(("kind", "floor"), [("typo", 0.8), ("paraphrase", 0.7)])
def test_slips_and_paraphrases_are_found(half: str, kind: str, floor: float) -> None:
    """With the local embedder's own cosines, as the live path has them; every fourth pair, for they take a while."""
    pairs = (typos(half, 400) if kind == "typo" else paraphrases(half))[::4]
    model = MiniLM()
    found = sum(verdict(pair.a, pair.b, _cosine(model, pair)).near for pair in pairs)
    assert found >= len(pairs) * floor


def _cosine(model: MiniLM, pair: Pair) -> float:
    one, other = model.vectors([pair.a, pair.b])
    return sum(x * y for x, y in zip(one, other, strict=True))


def test_without_vectors_only_the_same_words_pass() -> None:
    """A slip or another phrase needs a cosine, and one of 0.85."""
    a, b = "How do I reset my password?", "How can I reset my pasword?"
    assert not verdict(a, b, None).near
    assert not verdict(a, b, LEAST - 0.001).near
    assert verdict(a, b, LEAST).near
    assert verdict(a, f"Please, {a} Thanks!", None).near


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("List 5 birds.", "List 6 birds.", "another number"),
        ("Is it safe?", "Is it not safe?", "another negation"),
        ("Are all cats grey?", "Are some cats grey?", "another quantifier"),
        ("From Rome to Oslo?", "From Oslo to Rome?", "the same words in another order"),
        ("Was it `a`?", "Was it `b`?", "other code"),
        ("Is my cat ill?", "Is your cat ill?", "another person"),
        ("Wo ist der Hund?", "Wo ist der Hut?", "not compared: too long, or not English"),
    ],
)
def test_a_refusal_says_what_differs(a: str, b: str, why: str) -> None:
    """A person who asks why there was no hit reads it."""
    assert verdict(a, b, 0.99).reason == why
