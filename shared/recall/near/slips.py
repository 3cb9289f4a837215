"""Whether a word is another one, mistyped. One letter can make another word (affect, effect), so a slip is only taken
for one where exactly one side is a word at all, and nothing else that it could stand for would change the sense."""

from shared.recall.near.words import is_coined, is_name, is_word

_WEIGHTY = frozenset(
    """not no nor never none any all some each every both few many much more most less least fewer only just but and or if
    out off on in up down over under above below before after until till since first last next past same with without
    within into onto from to for than then now new old must should shall may might can could will would had has have
    did does was were is are be been low high min max minimum maximum always often seldom rarely inside outside
    increase decrease include exclude import export legal illegal moral amoral my our your his her its their me us him
    them he she it we they you who whom why how what when where which""".split()
)
"""Words of which one letter decides: a text that could mean another of these is not guessed at."""
_SHORT = 5
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def is_slip(one: str, other: str) -> bool:
    """Whether two words that differ are the same one, once written wrong by one letter."""
    if not (one.isascii() and other.isascii() and one.isalpha() and other.isalpha()):
        return False
    if not (one.islower() and other.islower()) or is_name(one) or is_name(other):
        return False
    if is_word(one) == is_word(other):
        return False
    word, wrong = (one, other) if is_word(one) else (other, one)
    return _is_near(word, wrong) and not _means_other(word, wrong)


def _is_near(word: str, wrong: str) -> bool:
    """Whether one slip of the hand turns `word` into `wrong`: two letters swapped, one left out, added or replaced."""
    swapped = _is_swapped(word, wrong)
    if len(word) < 4:
        return len(word) == 3 and swapped
    if swapped:
        return True
    if word[0] != wrong[0]:
        return (
            False  # a first letter is seldom mistyped and often all that differs: legal, ilegal; demo, deno
        )
    if len(word) == len(wrong):
        return len(word) >= _SHORT and sum(a != b for a, b in zip(word, wrong, strict=True)) == 1
    longer, shorter = (word, wrong) if len(word) > len(wrong) else (wrong, word)
    if len(longer) - len(shorter) != 1:
        return False
    at = next((at for at, sign in enumerate(shorter) if sign != longer[at]), len(shorter))
    if longer[at + 1 :] != shorter[at:]:
        return False
    # `walke` may be `walk` or `walked`: only a doubled letter is a slip at the end.
    return longer is word or at < len(shorter) or longer[-1] == shorter[-1]


def _is_swapped(word: str, wrong: str) -> bool:
    if len(word) != len(wrong):
        return False
    places = [at for at, sign in enumerate(word) if sign != wrong[at]]
    if len(places) != 2 or places[1] != places[0] + 1:
        return False
    first, second = places
    return word[first] == wrong[second] and word[second] == wrong[first]


def _means_other(word: str, wrong: str) -> bool:
    if is_coined(wrong) or (word in _WEIGHTY and len(word) <= _SHORT and not _is_swapped(word, wrong)):
        return True
    return any(other != word for other in edits(wrong) if other in _WEIGHTY)


def edits(word: str) -> set[str]:
    """All that one slip makes of a word: some 53 for each letter."""
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {a + b[1:] for a, b in halves if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    found |= {a + sign + b[1:] for a, b in halves if b for sign in _LETTERS}
    found |= {a + sign + b for a, b in halves for sign in _LETTERS}
    found.discard(word)
    return found
