"""Whether the answer to one text may be served for another. An embedding proposes, this disposes (law 9).

What is equal is required, not what may differ listed: the same content words in the same order, but for slips of the
hand that make no word and for a small table of phrases that ask for the same. So numbers, units, negation,
quantifiers,
names, roles, tense, form, length and all that nobody has thought of must be equal, since they are words. Cosine alone
can't do it: `from Osaka to Bogotá` and its reverse are at 0.99, a paraphrase at 0.96
(research/cache-and-security.md 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.recall.near.content import content
from shared.recall.near.paraphrase import plainly
from shared.recall.near.reasons import reason
from shared.recall.near.slips import is_slip
from shared.recall.normalise import normalise

LEAST = 0.85
"""The cosine from which on wordings are compared that differ in more than politeness and spelling."""
_SLIPS = 2
_WORDS_A_SLIP = 3
"""A text with more slips than one in so many words is not guessed at."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether b may have a's answer, how near their vectors are (None: not measured), and why or why not."""

    near: bool
    score: float | None
    reason: str


def verdict(a: str, b: str, score: float | None) -> Verdict:
    """Compare two texts; the order of the two doesn't matter. `score` is the cosine of their vectors: without
    one only
    texts pass whose content words are the same. Never raises; some 0.2 ms for a question."""
    if a == b or normalise(a) == normalise(b):
        return Verdict(True, score, "the same text")
    one, other = content(a), content(b)
    if one is None or other is None:
        return Verdict(False, score, "not compared: too long, or not English")
    if one == other:
        return Verdict(True, score, "the same content words")
    slips = _slips(one, other)
    plain = (one, other)
    if slips is None:
        plain = plainly(one), plainly(other)
        slips = 0 if plain[0] == plain[1] else _slips(*plain)
    if slips is None:
        return Verdict(False, score, reason(*plain))
    if score is None:
        return Verdict(False, score, "not the same words, and no vectors to compare")
    if score < LEAST:
        return Verdict(False, score, "too far apart")
    return Verdict(True, score, "the same but for a slip" if slips else "a paraphrase")


def _slips(one: Sequence[str], other: Sequence[str]) -> int | None:
    """How many words of `one` are mistyped in `other`, or the other way round; None where anything else differs."""
    if len(one) != len(other):
        return None
    differ = [(x, y) for x, y in zip(one, other, strict=True) if x != y]
    if len(differ) > min(_SLIPS, max(1, len(one) // _WORDS_A_SLIP)):
        return None
    return len(differ) if all(is_slip(x, y) for x, y in differ) else None
