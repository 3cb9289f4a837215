"""Whether a word is another one, mistyped. One letter can make another word (affect, effect), so a slip is only taken
for one where exactly one side is a word at all, and nothing else that it could stand for would change the sense."""

from shared.recall.near.words import is_coined, is_name, is_word

_WEIGHTY = frozenset(
    """not no nor never none any all some each every both few many much more most less least fewer only just
    but and or if
    out off on in up down over under above below before after until till since first last next past same with without
    within into onto from to for than then now new old must should shall may might can could will would had has have
    did does was were is are be been low high min max minimum maximum always often seldom rarely inside outside
    increase decrease include exclude import export legal illegal moral amoral my our your his her its their me us him
    them he she it we they you who whom why how what when where which""".split()
)
"""Words of which one letter decides: a text that could mean another of these is not guessed at."""
_SHORT = 5
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def is_slip(one: str, other: str) -> bool:
    """Whether two words that differ are the same one, once written wrong by one letter."""
    if not (one.isascii() and other.isascii() and one.isalpha() and other.isalpha()):
        return False
    if not (one.islower() and other.islower()) or is_word(one) == is_word(other):
        return False
    word, wrong = (one, other) if is_word(one) else (other, one)
    return not is_name(wrong) and _is_near(word, wrong) and not _means_other(word, wrong)


def _is_near(word: str, wrong: str) -> bool:
    """Whether one slip of the hand turns `word` into `wrong`: two letters swapped, one left out, added or
    replaced."""
    if len(word) < _SHORT - 1:
        return len(word) == _SHORT - 2 and is_swapped(word, wrong)
    if is_swapped(word, wrong) or is_doubled(word, wrong):
        return True
    if len(word) == len(wrong):
        places = [at for at, sign in enumerate(word) if sign != wrong[at]]
        # A first letter is seldom mistyped and often all that differs (legal, ilegal), but for a key beside it.
        return (
            len(word) >= _SHORT
            and len(places) == 1
            and (places[0] > 0 or are_beside(word[places[0]], wrong[places[0]]))
        )
    if len(word) - len(wrong) == 1:
        return any(
            word[:at] + word[at + 1 :] == wrong for at in range(0 if len(word) >= _SHORT else 1, len(word))
        )
    # An added letter: none at the ends. `walke` may be `walk` or `walked`, `ilegal` is not `legal`.
    return any(wrong[:at] + wrong[at + 1 :] == word for at in range(1, len(wrong) - 1))


def is_swapped(word: str, wrong: str) -> bool:
    """Whether two letters beside one another have changed places."""
    if len(word) != len(wrong):
        return False
    places = [at for at, sign in enumerate(word) if sign != wrong[at]]
    if len(places) != 2 or places[1] != places[0] + 1:
        return False
    first, second = places
    return word[first] == wrong[second] and word[second] == wrong[first]


def is_doubled(word: str, wrong: str) -> bool:
    """Whether one letter stands twice instead of once, or once instead of twice."""
    if abs(len(word) - len(wrong)) != 1:
        return False
    longer, shorter = (word, wrong) if len(word) > len(wrong) else (wrong, word)
    return any(
        longer[at] == longer[at + 1] and longer[:at] + longer[at + 1 :] == shorter
        for at in range(len(shorter))
    )


def are_beside(one: str, other: str) -> bool:
    """Whether two letters are neighbours on an English keyboard."""
    return any(one + other in row or other + one in row for row in _ROWS)


def _means_other(word: str, wrong: str) -> bool:
    sure = is_swapped(word, wrong) or is_doubled(word, wrong)
    if is_coined(wrong) or (not sure and word in _WEIGHTY and len(word) <= _SHORT):
        return True
    return any(other in _WEIGHTY for other in edits(wrong) - {word})


def edits(word: str) -> set[str]:
    """All that one slip makes of a word: some 53 for each letter."""
    halves = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {a + b[1:] for a, b in halves if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    found |= {a + sign + b[1:] for a, b in halves if b for sign in _LETTERS}
    found |= {a + sign + b for a, b in halves for sign in _LETTERS}
    found.discard(word)
    return found
