"""Puts two texts together where one ends and the other goes on: which space is one too many, which one is missing."""

import re

from shared.models.splice.ending import Sent
from shared.models.splice.scripts import han, solid, spaceless, wordly
from shared.models.splice.weight import COMMON

_WORDS = re.compile(r"[^\W\d_]+")
_LAST = re.compile(r"[^\W_]+\Z")
_FIRST = re.compile(r"[^\W_]+")
_SCANNED = 6_000
"""Code points of the text in which words are looked up."""
_WHOLE = frozenset(
    "they their which these those would could should because although during from were been very between whose until "
    "und oder nicht werden wurde dans avec pour leur cette para pero como está".split()
)
"""Words that are hardly ever the beginning of another."""
_CLITICS = frozenset("s t m d ll re ve".split())
_BLOCK = re.compile(r"(?:#{1,6} |`{3}|~{3}|[-*+] |\d{1,3}[.)] |> |\|)")
_MARK = re.compile(r"(?:[-*+]|\d{1,3}[.)])[ \t]")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,3}[.)])[ \t]+\S")


def after_overlap(sent: str, rest: str) -> str:
    """`rest` follows something that `sent` ends with, up to its last letter: without the punctuation and the spaces
    that are there already."""
    there = sent[len(sent.rstrip(_not_words(sent[-40:]))) :]
    more = rest[: len(rest) - len(rest.lstrip(_not_words(rest[:40])))]
    if not there:
        return rest
    if more.startswith(there):
        return rest[len(there) :]
    if there.startswith(more) or there.strip() == more.strip():
        return rest[len(more) :]
    if there.isspace():
        return rest.lstrip(" \t") if "\n" not in there else rest.lstrip()
    at = _past(there, more)
    if at is not None:
        rest = rest[at:]
        return rest.lstrip(" ") if there[-1:].isspace() else rest
    return rest[len(more) :] if not more.strip() and there[-1:].isspace() else rest


def _past(there: str, more: str) -> int | None:
    """Where in `more` all the signs of `there` have been, spaces left aside."""
    at = 0
    for char in there:
        if char.isspace():
            continue
        while at < len(more) and more[at].isspace():
            at += 1
        if more[at : at + 1] != char:
            return None
        at += 1
    return at


def straight(sent: Sent, rest: str, *, told: bool) -> str:
    """`rest` goes on where the text ends, with nothing said twice: with the space that belongs between them, and no
    other. To the letter, but for what is surely wrong. After a remark (`told`) the space between two words is lost."""
    text = sent.text
    if not text or not rest:
        return rest
    if text[-1].isspace() or rest[0].isspace():
        rest = _spaces(sent, rest)
        if not rest or rest[0].isspace() or text[-1].isspace():
            return _block(sent, rest) if not rest[:1].isspace() else rest
        return rest
    if (broken := _block(sent, rest)) is not rest:
        return broken
    if wordly(text[-1]) and wordly(rest[0]):
        return _two_words(text, rest, told=told)
    if _clause(sent, rest):
        return " " + rest
    return rest


def _spaces(sent: Sent, rest: str) -> str:
    text = sent.text
    bare = rest.lstrip()
    gap = rest[: len(rest) - len(bare)]
    if not gap:
        return rest
    if not bare:
        return rest if not text[-1].isspace() or "\n" in gap else ""
    lines = gap.count("\n")
    if lines:
        return _lines(sent, bare, gap, lines)
    if text[-1] == "\n":
        # One space is no indentation: it is the space that models like to begin with.
        return bare if gap == " " else rest
    if text[-1].isspace():
        # Columns and indentations have several; between two words one of two is one too many.
        return rest if len(gap) > 1 or text[-2:].isspace() or not sent.line.strip() else bare
    if (
        bare[0] in ".,)"
        and wordly(text[-1])
        and (len(bare) == 1 or bare[1].isspace())
        and not sent.line.count("`") % 2
    ):
        return bare
    return _before_space(text, rest, bare, gap)


def _lines(sent: Sent, bare: str, gap: str, lines: int) -> str:
    """Breaks of lines before the text goes on: as many as there are in a text, and none inside a sentence."""
    text = sent.text
    there = text[len(text.rstrip()) :].count("\n")
    if there and there + lines > 2 and "\n\n\n" not in text.replace("\r", ""):
        keep = max(2 - there, 0)
        indent = gap[gap.rfind("\n") + 1 :]
        newline = "\r\n" if "\r\n" in gap else "\n"
        return newline * keep + indent + bare
    prose = sent.line.strip() and not _BLOCK.match(sent.line.lstrip()) and len(sent.line) > 20
    if prose and lines > 1 and bare[0].islower() and text.rstrip()[-1:].isalpha() and not sent.at_sentence:
        return bare if text[-1].isspace() else " " + bare
    return gap + bare


def _before_space(text: str, rest: str, bare: str, gap: str) -> str:
    """A word that was cut may be finished after a space that is one too many."""
    if han(text[-1]) and han(bare[0]):
        return bare
    last, frag = _LAST.search(text), _FIRST.match(bare)
    if gap != " " or last is None or frag is None or spaceless(text[-1]) or not frag.group()[0].islower():
        return rest
    known = _known(text)
    left, right = last.group().casefold(), frag.group().casefold()
    if left in known or left.isdigit() or right in known:
        return rest
    if left + right in known or (right.isascii() and _vowelless(right)) or _vowelless(left):
        return bare
    return rest


def _vowelless(word: str) -> bool:
    """Whether a word of small Latin letters can't be spoken: the half of one."""
    return word.isascii() and word.isalpha() and word.islower() and not set(word) & set("aeiouy")


def _known(text: str) -> frozenset[str]:
    """Words that the text has shown to be whole ones, and the commonest of several languages."""
    return COMMON | {word.casefold() for word in _WORDS.findall(text[-_SCANNED:])[:-1]}


def _two_words(text: str, rest: str, *, told: bool) -> str:
    """Two letters meet: one word that was cut, or two without their space."""
    last, first = _LAST.search(text), _FIRST.match(rest)
    if last is None or first is None or spaceless(text[-1]) or spaceless(rest[0]):
        return rest
    left, right = last.group().casefold(), first.group().casefold()
    if left.isdigit() or right.isdigit() or right in _CLITICS or not right.isalpha():
        return rest
    if left in _WHOLE and len(right) >= 3 and not rest[len(right) :].startswith("'"):
        return " " + rest
    if _bay(left, right):
        return rest[1:]
    if not told:
        return rest
    known = _known(text)
    if left + right in known:
        return rest
    if left in known and (right in known or len(right) >= 4 or rest[0].isupper()):
        return " " + rest
    return " " + rest if rest[0].isupper() and text[-1].islower() else rest


def _bay(left: str, right: str) -> bool:
    """Three vowels of which the last is said twice, `feaar`: no word; the model began with the last letter again."""
    return left[-1] == right[0] == "a" and left[-2:-1] in ("e", "i", "o", "u") and left[-2:-1] != ""


def _clause(sent: Sent, rest: str) -> bool:
    """Whether a clause ends here, so that a space is due: not in a number, an address, an abbreviation or code."""
    text = sent.text
    end, first = text[-1], rest[0]
    if not first.isalpha() or spaceless(first) or sent.line.count("`") % 2:
        return False
    piece = sent.line.rsplit(None, 1)[-1] if sent.line.split() else ""
    word = piece.rstrip(".!?…;:,)؟،؛।").lstrip("(\"'“‘*_«¿¡")
    if any(sign in word for sign in "/()[]{}`=@_.\\<>&#:") or not word:
        return False
    if end in ",;،؛":
        return word[-1].isalpha() or (word[-1].isdigit() and not sent.columns)
    if end in ".!?…؟।":
        if not (first.isupper() or not first.islower()):
            return False
        # Names of code have a dot before a capital; a word that begins a call or another dot is one of them.
        called = re.match(r"\w+[(.\[`]\S", rest)
        return word[-1].isalpha() and len(word) >= 3 and word.isalpha() is not False and called is None
    if end == ":":
        return word[-1].isalpha() and len(word) >= 3 and ": " in text and "\n" not in text[-1]
    return end == ")" and "(" in sent.line and "](" not in sent.line and " " in sent.line


def _block(sent: Sent, rest: str) -> str:
    """Headings, items, rows and fences begin a line."""
    line = sent.line.rstrip()
    if not line or not _BLOCK.match(rest) or sent.text.endswith("\n"):
        return rest
    item, row = _ITEM.match(line) is not None, line.lstrip().startswith("|")
    if rest[0] == "|":
        full = row and line.endswith("|") and sent.columns and line.count("|") >= sent.columns
        return "\n" + rest if full else rest
    if row:
        return rest
    if item and _MARK.match(rest):
        same = line.lstrip()[0].isdigit() == rest[0].isdigit()
        whole = sent.at_sentence or rest[0] not in "-*+" or line.lstrip()[0] == rest[0]
        return "\n" + rest if same and whole else rest
    if not (sent.at_sentence or line.endswith(":")) or line.rstrip(".)")[-1:].isdigit():
        return rest
    if re.match(r"[-*+>] ", rest) and not line.endswith(":") and not sent.at_sentence:
        return rest
    return "\n\n" + rest


def _not_words(text: str) -> str:
    """All characters of a text that are no part of a word."""
    return "".join({char for char in text if not solid(char)})
