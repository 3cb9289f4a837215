"""Weighs whether words that stand at the end of a text and at the beginning of its continuation were meant once.

An author says a word or two twice, sets a phrase off with a comma and says it again, has refrains and rows that are
alike. A model that repeats what was there repeats clauses, and their commas too.
"""

import re
from unicodedata import normalize

from shared.models.splice.ending import Sent
from shared.models.splice.follow import Follower
from shared.models.splice.scripts import Folded, goes_on, solid, spaceless, words
from shared.models.splice.weight import COMMON, OFTEN, alike, bits, heavy, said_once

_LONG = 48
"""Folded code points of a passage that nobody writes twice in a row, but as a refrain."""
_MARKUP = frozenset("\"'“”‘’«»*_`>#-|([{.…「『（")
"""What may stand before a word without setting it off from what came before."""
_ALIKE = str.maketrans("‘’“”„«»–—−‐‑`", '\'\'"""""-----\'')
"""Signs that models write one for another."""
_SET_OFF = (",", ";", "،", "、", "—", "–")
_REFRAIN = 120
_ITEM = re.compile(r"\d+[.)]\s")
"""A numbered line: no list has a number twice."""


def is_echo(sent: Sent, found: Follower, head: Folded, text: str, *, told: bool) -> bool:
    """Whether the passage is said again; else the author goes on with the same words. `told` where the model had
    remarked that it goes on: then less will do."""
    cut = head.after(found.said)
    inside = goes_on(text, cut)
    place = sent.place(found.start)
    piece = sent.text[place : len(sent.text) - len(sent.signs)]
    if inside and not sent.open:
        return False
    if found.edits:
        return _nearly(sent, found, piece)
    said = words(piece)
    begun = _begun_again(sent, said, piece, text, inside=inside, told=told)
    if begun is not None:
        return begun
    anew = _begun_anew(sent, place, text)
    if not anew and _periodic(sent, found, head, said) and (len(said) < 12 or found.matched < _LONG):
        return False
    if _refrain(sent, found, piece, place) and not told:
        return False
    if sent.fenced and sent.at_line and sent.begins(place) == "line" and _few(piece) and not told:
        return False
    same = _bare(piece) == _bare(text[_first(text, head) : cut])
    if _line_goes_on(sent, text, cut):
        return False
    if found.matched >= _LONG and len(said) >= 6:
        return True
    if not _set_alike(sent, head, text, cut, piece, same=same):
        return False
    bare = sent.signs.rstrip()
    row = _row(sent, text, cut + (len(bare) if text.startswith(bare, cut) else 0))
    if row is not None:
        return row
    return _enough(sent, said, piece, place, text, told=told, same=same)


def _first(text: str, head: Folded) -> int:
    return head.places[0] if head.places else 0


def _bare(text: str) -> str:
    return "".join(normalize("NFKC", text).translate(_ALIKE).split()).casefold()


def _begun_again(
    sent: Sent, said: list[str], piece: str, text: str, *, inside: bool, told: bool
) -> bool | None:
    """For a number, a line of code or a word that the text has the beginning of: whether it is written again."""
    if piece.isdigit() and sent.open:
        return _numbered(sent, piece, text)
    if sent.fenced and sent.line[:1].isspace() and sent.line.strip() and text.startswith(sent.line):
        return True
    if len(said) == 1 and inside and not spaceless(piece[0]):
        return _finished(piece, text, told=told)
    return None


def _finished(piece: str, text: str, *, told: bool) -> bool:
    """A word that was cut, written again and finished."""
    word = piece.casefold()
    if text[:1].isspace():
        return False
    return len(word) >= (2 if told and word not in COMMON else 3) and not text.casefold().startswith(word * 2)


def _numbered(sent: Sent, number: str, text: str) -> bool:
    """Whether a number at the beginning of a line is the next one of a list."""
    rest = text.lstrip()[len(number) :]
    before = sent.text[: len(sent.text) - len(number)]
    if before and before.rsplit("\n", 1)[-1].strip():
        return False
    if not (rest[:1] in (".", ")") and rest[1:2].isspace()):
        return False
    above = [line.split(".")[0].split(")")[0].strip() for line in before.split("\n")[-8:]]
    counted = [int(one) for one in above if one.isascii() and one.isdigit()]
    return not counted or counted[-1] + 1 == int(number)


def _periodic(sent: Sent, found: Follower, head: Folded, said: list[str]) -> bool:
    """Whether the words before the passage, or those after it, are its own: ha ha ha, more and more, row, row."""
    size = found.matched
    begins, ends = said[0], said[-1]
    before = sent.fold[max(found.start - 24, 0) : found.start]
    after = head.text[found.said : found.said + 24]
    if spaceless(begins[0]):
        unit = sent.fold[found.start :]
        return len(unit) <= 3 and (before.endswith(unit) or after.startswith(unit))
    if size <= 8 and not before:
        before = ""
    if len(said) > 1 and len(set(said)) == 1:
        return True
    if len(said) > 2:
        begins, ends = begins + said[1], said[-2] + ends
    if before.endswith(ends) and found.start - len(ends) in sent.starts:
        return True
    return after.startswith(begins) and (len(said) > 1 or _whole(head, found.said, begins))


def _whole(head: Folded, count: int, word: str) -> bool:
    end = count + len(word)
    return end >= len(head.places) or head.places[end] > head.places[end - 1] + 1


def _refrain(sent: Sent, found: Follower, piece: str, place: int) -> bool:
    """Whether lines or sentences that the text has had before are due again."""
    if found.matched >= _REFRAIN or not (sent.at_line or sent.at_sentence) or not sent.begins(place):
        return False
    if sent.at_line and sent.begins(place) != "line":
        return False
    return sent.fold.count(sent.fold[found.start :]) >= 2


def _line_goes_on(sent: Sent, text: str, cut: int) -> bool:
    """Whether a line is another line, which begins alike and is longer."""
    after = text[cut : cut + 40]
    gap = after[: len(after) - len(after.lstrip(_signs(after)))]
    return sent.signs.isspace() and "\n" in sent.signs and "\n" not in gap


def _set_alike(sent: Sent, head: Folded, text: str, cut: int, piece: str, *, same: bool) -> bool:
    """Whether the continuation has the punctuation of what it would repeat."""
    before = set("".join(text[: _first(text, head)].split()))
    if not before <= _MARKUP:
        return False
    said = words(piece)
    if not same and (len(said) < 4 or sum(map(len, said)) < 12):
        return False
    there = _bare(sent.signs)
    signs = text[cut : cut + 40]
    after = _bare(signs[: len(signs) - len(signs.lstrip(_signs(signs)))])
    return after.startswith(there)


def _signs(text: str) -> str:
    return "".join({char for char in text if not solid(char)})


def _row(sent: Sent, text: str, cut: int) -> bool | None:
    """In a table the number of cells tells; None where it doesn't."""
    bars = sent.columns
    after = text[cut:]
    if not bars or sent.at_line or "\n" not in after:
        return None
    plain = sent.line.count("|") + text.split("\n", 1)[0].count("|")
    left = sent.line.count("|") + after.split("\n", 1)[0].count("|")
    if plain == bars and left != bars:
        return False
    if left == bars and plain != bars:
        return True
    return None


def is_letter_echo(sent: Sent, start: int, text: str, *, told: bool) -> bool:
    """Whether the end of the text from `start` on, with which the continuation begins to the letter, is said again:
    cells of a table and lines of code have few letters."""
    piece = sent.text[start:]
    tokens, cut = piece.split(), len(piece)
    if not sent.open and solid(piece[-1]) and goes_on(text, cut):
        return False
    seen = sum(map(len, tokens))
    if not any(char.isalnum() for char in piece):
        return False
    before, line = sent.text[:start], sent.begins(start) == "line"
    if line and _ITEM.match(piece) and (len(tokens) >= 2 or not sent.at_line):
        return True
    row = _row(sent, text, cut)
    if row is not None:
        return row
    refrain = seen < _REFRAIN and sent.text.count(piece.strip()) >= 2
    plain = (
        sent.fenced and _few(piece) and _indent(before) == sent.line + text[: len(text) - len(text.lstrip())]
    )
    if sent.at_line and line and not told and (refrain or plain):
        return False
    above, below = before.split()[-1:], text[cut:].split()[:1]
    periodic = (above == tokens[-1:] and _lettered(above)) or (below == tokens[:1] and _lettered(below))
    if periodic and len(tokens) < 6 and not told:
        return False
    return len(tokens) >= 3 and seen >= 4


def _lettered(tokens: list[str]) -> bool:
    return any(char.isalnum() for token in tokens for char in token)


def _indent(before: str) -> str:
    """The spaces before what comes next."""
    return before[len(before.rstrip(" \t")) :]


def _few(piece: str) -> bool:
    """Whether so much code may stand twice in a row."""
    lines = {line.strip() for line in piece.split("\n") if any(map(str.isalnum, line))}
    return len(piece.split()) < (5 if len(lines) > 1 else 8)


def _enough(
    sent: Sent, said: list[str], piece: str, place: int, text: str, *, told: bool, same: bool
) -> bool:
    """Whether so much said again is no coincidence."""
    letters = sum(map(len, said))
    if spaceless(said[0][0]):
        return bits(said) >= (9 if told else 24)
    if len(said) >= 3:
        return letters >= 5 or (same and len(piece.split()) >= 3) or _begun_anew(sent, place, text)
    if said[0] in OFTEN and len(said) == 1:
        return _begun_anew(sent, place, text)
    if told:
        return letters >= 3 and not sent.at_line
    if _begun_anew(sent, place, text):
        return True
    if sent.signs.strip() and not same:
        return False
    if len(said) == 2:
        if sent.signs.strip()[-1:] in _SET_OFF:
            return False
        rare = any(map(heavy, said)) and not said[1].isdigit()
        letters += 2 * sum(alike(word[0]) == "syllables" for word in said)
        # Three things between spaces, to the letter: a line of code, a cell and its bars.
        told_apart = same and len(piece.split()) >= 3 and letters >= 2
        return (letters >= 5 and (rare or any(map(said_once, said)))) or told_apart
    three = same and len(piece.split()) >= 3 and letters >= 3
    return three or (
        not sent.signs.strip()
        and sent.text[-1:].isspace()
        and said_once(said[0])
        and not _name(piece, sent, place)
    )


def _name(piece: str, sent: Sent, place: int) -> bool:
    """A name may stand twice."""
    return piece[:1].isupper() and not sent.begins(place)


def _begun_anew(sent: Sent, place: int, text: str) -> bool:
    """Whether a sentence is begun again though the text is in the middle of it."""
    first = next((char for char in text if char.isalnum()), "")
    if not first.isupper() or sent.at_sentence:
        return False
    own = sent.text[place:].lstrip("\"'“‘*_")[:1]
    return own == first and bool(sent.begins(place)) and len(sent.text[place:].strip()) > 1


def _nearly(sent: Sent, found: Follower, piece: str) -> bool:
    """Whether a passage in nearly the same words is the same one: not where a line may follow that is like it."""
    count = len(words(piece))
    if found.matched < 24 or count < 6:
        return False
    if not found.changed:
        return True
    if found.start and (sent.fenced or "\n" in piece):
        # Code, rows and items are alike by nature.
        return False
    # Rows and items that are alike differ in their numbers.
    numbers = any(char.isdigit() for word in found.changed for char in word)
    if not (sent.at_line or sent.at_sentence):
        return not numbers or (found.start == 0 and count >= 20)
    lines = len([line for line in piece.split("\n") if line.strip()])
    return count >= 20 and not numbers and (lines >= 2 or found.start == 0)
