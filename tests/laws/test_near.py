"""Laws of the near tier, over any text."""

from hypothesis import given
from hypothesis import strategies as st

from shared.recall.near.content import content_key
from shared.recall.near.slips import edits, is_slip
from shared.recall.near.verify import verdict

WORDS = st.lists(
    st.sampled_from(
        'what is not the a please 5 five of Paris paris `x` "q" , . ? ⟦A_1⟧ can you explain how do I teh in'.split()
    ),
    max_size=12,
).map(" ".join)
TEXTS = st.one_of(st.text(max_size=60), WORDS)


@given(TEXTS, TEXTS)
def test_a_verdict_is_total_and_the_same_both_ways(a: str, b: str) -> None:
    """Any two texts have one, whichever comes first."""
    assert verdict(a, b, 0.9).near == verdict(b, a, 0.9).near


@given(TEXTS)
def test_a_text_may_be_served_for_itself(text: str) -> None:
    """Whatever it is written in."""
    assert verdict(text, text, None).near


@given(TEXTS, TEXTS)
def test_equal_keys_are_near(a: str, b: str) -> None:
    """The store's lookup by key and the verifier never disagree."""
    key = content_key(a)
    if key is not None and key == content_key(b):
        assert verdict(a, b, None).near


@given(TEXTS, TEXTS)
def test_a_higher_cosine_never_turns_a_hit_away(a: str, b: str) -> None:
    """And none at all lets no more through than the lowest."""
    near = [verdict(a, b, score).near for score in (None, 0.0, 0.85, 1.0)]
    assert near == sorted(near)


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9), st.data())
def test_a_slip_is_one_edit_and_never_between_two_words(word: str, data: st.DataObject) -> None:
    """Either way round."""
    wrong = data.draw(st.sampled_from(sorted(edits(word) - {""})))
    assert is_slip(word, wrong) == is_slip(wrong, word)
    assert word in edits(wrong)
    assert not is_slip(word, word)
