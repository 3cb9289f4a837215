"""Puts two texts together where one ends and the other goes on: which space is one too many, which one is missing."""

import re

from shared.models.splice.scripts import han, spaceless, wordly

_WORDS = re.compile(r"[^\W\d_]+")
_LAST = re.compile(r"[^\W_]+\Z")
_FIRST = re.compile(r"[^\W_]+")
_COMMON = frozenset(
    "a an the and or but nor so yet of in on at to by for from with as is are was were be been it its he she they we "
    "you i this that these those not no if then than when while which who whom whose what how why all any some each "
    "every one two more most much many very can could will would shall should may might must do does did has have had "
    "into onto over under out up down off about after before between through during their there his her our your my "
    "der die das und oder ein eine ist sind mit von zu auf für nicht le la les des un une et ou est sont dans pour "
    "que qui pas el los las y o es son con por para no il lo gli e di che non per".split()
)
_SCANNED = 6_000
"""Code points of the text in which words are looked up."""


def known(text: str) -> frozenset[str]:
    """Words that the text has shown to be whole ones, and the commonest of several languages."""
    return _COMMON | {word.casefold() for word in _WORDS.findall(text[-_SCANNED:])[:-1]}


def after_overlap(sent: str, rest: str) -> str:
    """`rest` follows something that `sent` ends with, up to its last letter: without the punctuation and the spaces
    that are there already."""
    there = sent[len(sent.rstrip(_not_words(sent))) :]
    more = rest[: len(rest) - len(rest.lstrip(_not_words(rest)))]
    if not there:
        return rest
    if more.startswith(there):
        return rest[len(there) :]
    if there.startswith(more) or there.strip() == more.strip():
        return rest[len(more) :]
    if there.isspace():
        return rest.lstrip(" \t") if "\n" not in there else rest.lstrip()
    if more.lstrip().startswith(there.strip()):
        rest = rest[len(more) - len(more.lstrip()) + len(there.strip()) :]
        return rest.lstrip(" ") if there[-1:].isspace() else rest
    return rest[len(more) :] if not more.strip() and there[-1:].isspace() else rest


def straight(sent: str, rest: str, *, told: bool = False) -> str:
    """`rest` goes on where `sent` ends, with nothing said twice: with the space that belongs between them, and no
    other. To the letter, but for what is surely wrong. After a remark (`told`) the space between two words is lost."""
    if not sent or not rest:
        return rest
    end, first = sent[-1], rest[0]
    if end.isspace():
        return _after_space(sent, rest)
    if first.isspace():
        return _before_space(sent, rest)
    if wordly(end) and wordly(first):
        return _two_words(sent, rest) if told else rest
    if told and end in ".!?…;:,)" and first.isalpha() and not spaceless(first) and _sentence(sent, rest):
        return " " + rest
    return rest


def _after_space(sent: str, rest: str) -> str:
    """A line break may follow a space or another break; a space may not follow a space, but it may indent a line."""
    if sent[-1] == "\n":
        # A line that is indented by one space is none: it is the space that models like to begin with.
        return rest[1:] if rest[:1] == " " and not rest[1:2].isspace() else rest
    return rest.lstrip(" \t")


def _before_space(sent: str, rest: str) -> str:
    """A word that was cut may be finished after a space that is one too many."""
    if rest[0] == " " and han(sent[-1]) and rest[1:2] and han(rest[1]):
        return rest[1:]
    last, frag = _LAST.search(sent), _FIRST.match(rest[1:])
    if rest[0] != " " or last is None or frag is None or spaceless(sent[-1]):
        return rest
    words = known(sent)
    whole = (last.group() + frag.group()).casefold()
    if last.group().casefold() in words or last.group().isdigit():
        return rest
    little = len(frag.group()) <= 2 and frag.group().islower() and frag.group() not in words
    if whole in words or little or _vowelless(last.group()) or _vowelless(frag.group()):
        return rest[1:]
    return rest


def _vowelless(word: str) -> bool:
    """Whether a word of small Latin letters can't be spoken: the half of one."""
    return word.isascii() and word.isalpha() and word.islower() and not set(word) & set("aeiouy")


def _two_words(sent: str, rest: str) -> str:
    """Two letters meet: one word that was cut, or two without their space."""
    last, first = _LAST.search(sent), _FIRST.match(rest)
    if last is None or first is None or spaceless(sent[-1]) or spaceless(rest[0]):
        return rest
    words, left, right = known(sent), last.group(), first.group()
    if (left + right).casefold() in words or left.isdigit() or right.isdigit():
        return rest
    if left.casefold() in words and (right.casefold() in words or len(right) >= 4 or right[0].isupper()):
        return " " + rest
    if right[0].isupper() and left[-1].islower():
        return " " + rest
    return rest


def _sentence(sent: str, rest: str) -> bool:
    """Whether punctuation at the end of `sent` ends a clause: not a number, an address, an abbreviation or code."""
    before = sent.rstrip(".!?…;:,)")[-1:]
    piece = sent.rsplit(None, 1)[-1] if sent.split() else ""
    if not before.isalpha() or any(sign in piece for sign in ("://", "(", "[", "`", "=", "@", "/", "_")):
        return False
    return rest[0].isupper() or sent[-1] in ",;" or rest.split(None, 1)[0].casefold() in known(sent)


def _not_words(text: str) -> str:
    """All characters of a text that are no part of a word."""
    return "".join({char for char in text if not (char.isalnum() or wordly(char))})
