"""Where something to hide can stand at all: islands of words that belong together.

What is found in an island depends on the island and on the 64 code points before it, on nothing behind it. Where an
island ends depends on the word behind it alone. So a stream can decide as soon as that word is there, and decides as
one that has the whole text does: the streaming law holds by construction.
"""

import re
from dataclasses import dataclass

LOOK_BACK = 64
"""Code points before a candidate in which a word can say what it is."""
LIMIT = 1024
"""The longest island looked at in one go; a longer one is looked at in halves of it, each with the next."""
_GAP = 16
_BACK = 128

_AT = r"at|ät|arroba"
_DOT = r"dot|punkt|punto|ponto|point"
LABEL = re.compile(
    r"pass(?:w|wd|wor[dt]|phrase|code|e\b|ord)|\bpw\b|pwd|secret|token|key\b|key[\"']?[:=]|_key|credential"
    r"|bearer|basic|"
    r"contrase|clave|kennwort|senha|wachtwoord|has[lł]o|парол|密[码碼]|パスワード|비밀번호|[sş]ifre|l[oö]senord|"
    r"adgangskode|salasana|heslo|jelsz[oó]|parola|cookie|webhook|\bpin\b|κωδικ|كلمة|पासवर्ड|authoriz",
    re.IGNORECASE,
)
_HINTS = (
    "dot", "punkt", "punto", "ponto", "arroba", "at]", "at)", "at}", "at>", "at ]", "at )", "pass", "pw", "secret",
    "token", "key", "credential", "bearer", "basic", "contrase", "clave", "kennwort", "senha", "wachtwoord", "haslo",
    "sk-", "akia", "asia", "aiza", "://", "cookie", "webhook", "pin", "authoriz", "ifre", "senord", "adgangskode",
    "salasana", "heslo", "jelsz", "parola", "-----begin",
)  # fmt: skip
_QUICK = re.compile(r"[0-9@⟦]")
_FULL = re.compile(
    rf"[0-9@⟦]|\b(?:dot|punkt|punto|ponto|arroba)\b|[\[({{<] ?(?:{_AT}|{_DOT}) ?[\])}}>]|-----BEGIN|\bsk-"
    rf"|AKIA|ASIA|AIza|"
    rf"://|{LABEL.pattern}",
    re.IGNORECASE,
)
_STICKY = re.compile(
    rf"[\[({{<]*(?:{_AT}|{_DOT}|@|\.)[\])}}>]*|[\[\](){{}}<>]+|[@.]\S*|ext\.?|=+|:", re.IGNORECASE
)
_STICKY_WORDS = ("at", "ät", "arroba", "dot", "punkt", "punto", "ponto", "point", "ext.")
_JOINER = re.compile(r"\W{0,2}(?:[A-Z]{1,6}|\w)\W{0,3}|\W{1,3}")
_WORD = re.compile(r"[^ \n]+")
_WORD_BEFORE_PEM = re.compile(r"(?:(?!-----BEGIN)[^ \n])+|-----BEGIN")
_BLANKS = re.compile(r"[ \n]*")
PEM = "-----BEGIN"


@dataclass(frozen=True, slots=True)
class Island:
    """A slice of the shadow to search. `cut`: it goes on, and only what begins in its first half counts. `pem`: it is
    the head of a key block."""

    start: int
    end: int
    cut: bool = False
    pem: bool = False


def quiet(text: str) -> bool:
    """Whether a text holds nothing at all that could begin a find: a few microseconds."""
    return not _QUICK.search(text) and not _hinted(text)


def _hinted(text: str) -> bool:
    """Whether the full pattern can find more than the quick one. Beyond ASCII a case has too many forms to ask so."""
    if not text.isascii():
        return True
    low = text.lower()
    for hint in _HINTS:  # noqa: SIM110  # a generator costs more than the search
        if hint in low:
            return True
    return False


def sought(text: str) -> re.Pattern[str]:
    """What islands of this text begin with: the quick pattern where the full one can find no more."""
    return _FULL if _hinted(text) else _QUICK


def following(text: str, start: int, final: bool, pattern: re.Pattern[str]) -> Island | int:
    """The first island from `start` on, or the place before which the text holds none, whatever comes behind it."""
    hit = pattern.search(text, start)
    if hit is None:
        return len(text) if final else _held(text, start)
    if hit.group() == PEM:
        return Island(hit.start(), len(text), pem=True)
    first = _word_start(text, hit.start(), start)
    begin = _joined_before(text, first, start)
    return _grown(text, begin, first, final)


def _grown(text: str, begin: int, first: int, final: bool) -> Island | int:
    word_of = _WORD_BEFORE_PEM if PEM in text else _WORD
    word = word_of.match(text, first)
    if word is None:
        return first
    open_for = _reach(word.group(), 0)
    size = len(text)
    while True:
        end = word.end()
        if end - begin > LIMIT:
            return Island(begin, begin + LIMIT, cut=True)
        if end == size and not final:
            return begin
        blanks = _BLANKS.match(text, end)
        after = blanks.end() if blanks else end
        if _apart(text, end, after) or (after == size and final):
            return Island(begin, end)
        if after == size:
            return begin
        following_word = word_of.match(text, after)
        if following_word is None or following_word.group() == PEM:
            return Island(begin, end)
        ahead = following_word.group()
        if not open_for and not _sticky(ahead) and not (_short(ahead) and _short(word.group())):
            unsure = following_word.end() == size and not final and _may_stick(ahead)
            return begin if unsure else Island(begin, end)
        word = following_word
        open_for = _reach(word.group(), open_for)


def _reach(word: str, open_for: int) -> int:
    """How many more words belong to the island after this one."""
    if LABEL.search(word):
        return 6
    if _QUICK.search(word):
        return max(open_for - 1, 3)
    return max(open_for - 1, 1 if _sticky(word) else 0)


def _short(word: str) -> bool:
    """A word that others go on from: a sign, a group of capitals."""
    return len(word) <= 10 and _JOINER.fullmatch(word) is not None


def _sticky(word: str) -> bool:
    return (len(word) < 12 and _STICKY.fullmatch(word) is not None) or word[0] in "@."


def _may_stick(begun: str) -> bool:
    """Whether a word that goes on can become one that sticks to the word before it."""
    low = begun.lstrip("[({<").lower()
    return len(begun) < 12 and (
        not low or _sticky(begun) or any(word.startswith(low.rstrip("])}>")) for word in _STICKY_WORDS)
    )


def _apart(text: str, end: int, after: int) -> bool:
    return after - end > _GAP or text.count("\n", end, after) > 1


def _word_start(text: str, inside: int, floor: int) -> int:
    floor = max(floor, inside - LIMIT // 2)
    return max(text.rfind(" ", floor, inside), text.rfind("\n", floor, inside), floor - 1) + 1


def _joined_before(text: str, first: int, floor: int, sticks: bool | None = None) -> int:
    """Where the words begin that belong to the one at `first`, going back at most 128 code points."""
    least = max(floor, first - _BACK)
    word = _WORD.match(text, first)
    sticky = _sticky(word.group()) if sticks is None and word else bool(sticks)
    begin = first
    while begin > least:
        end = begin
        while end > least and text[end - 1] in " \n":
            end -= 1
        if end in (least, begin) or _apart(text, end, begin):
            return begin
        start = max(text.rfind(" ", least, end), text.rfind("\n", least, end), least - 1) + 1
        before = text[start:end]
        if start == least > floor:
            return begin
        own = _sticky(before)
        if not (sticky or own or _short(before)):
            return begin
        sticky, begin = own, start
    return begin


def _held(text: str, floor: int) -> int:
    """Where the words begin that what comes next can still draw into an island."""
    size = len(text)
    last = _word_start(text, size, floor)
    if size - last >= LIMIT // 2:
        return last
    begun = text[last:]
    return _joined_before(text, last, floor, sticks=not begun or _may_stick(begun))
