"""What every `ports.embedder.Embedder` promises."""

from math import sqrt

import pytest

from shared.adapters.embedding.minilm import MiniLM
from shared.core.faults import Unavailable
from shared.fakes.embedder import FakeEmbedder
from shared.ports.embedder import Embedder


@pytest.fixture(params=["minilm", "fake"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return MiniLM() if request.param == "minilm" else FakeEmbedder()


def _cosine(one: object, other: object) -> float:
    assert isinstance(one, list)
    assert isinstance(other, list)
    return float(sum(x * y for x, y in zip(one, other, strict=True)))


async def test_a_vector_for_each_text(embedder: Embedder) -> None:
    """In order, of length 1, as long as is said; the same for the same text; whatever the text."""
    texts = ["What is a quark?", "", "\ud800", "词", "x " * 2_000, "What is a quark?"]
    found = await embedder.embed(texts)
    assert [len(vector) for vector in found] == [embedder.dimensions] * len(texts)
    for vector in found:
        assert sqrt(sum(value * value for value in vector)) == pytest.approx(1.0, abs=1e-4)
    assert found[0] == found[-1]
    assert await embedder.embed([]) == []


async def test_like_texts_are_nearer(embedder: Embedder) -> None:
    """Than texts about something else."""
    a, b, c = await embedder.embed(
        ["How do I bake bread?", "How can I bake bread?", "The senate votes on tariffs today."]
    )
    assert _cosine(a, b) > 0.7
    assert _cosine(a, c) < 0.3


def test_an_embedder_says_what_it_is(embedder: Embedder) -> None:
    """Its name goes into keys, its languages decide what it is asked."""
    assert embedder.name
    assert "en" in embedder.languages


async def test_one_that_is_away_is_told() -> None:
    """A caller goes on without it."""
    fake = FakeEmbedder()
    fake.away = True
    with pytest.raises(Unavailable):
        await fake.embed(["x"])


def test_minilm_knows_its_own_sense() -> None:
    """Sentences alike in meaning are above 0.8, others below 0.3, and a mistyped word moves little."""
    one, same, other, slip = MiniLM().vectors(
        [
            "How can I improve my handwriting?",
            "What can I do to make my handwriting better?",
            "The weather in Paris is lovely.",
            "How can I improve my handwritng?",
        ]
    )
    assert _cosine(one, same) > 0.8
    assert _cosine(one, other) < 0.3
    assert _cosine(one, slip) > 0.9
