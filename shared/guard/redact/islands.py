"""Where something to hide can stand at all: islands of words that belong together.

What is found in an island depends on the island and on the 64 code points before it, on nothing behind it. Where an
island ends depends on the word behind it alone. So a stream can decide as soon as that word is there, and decides as
one that has the whole text does: the streaming law holds by construction.
"""

import re
from bisect import bisect_left
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
    r"\bpass\b|pass(?:w|wd|wor[dt]|phrase|code|e\b|ord)|\bpw\b|pwd|secret|token|key\b|key[\"']?[:=]|_key|credential"
    r"|bearer|basic|"
    r"contrase|clave|kennwort|senha|wachtwoord|has[lł]o|парол|密[码碼]|パスワード|비밀번호|[sş]ifre|l[oö]senord|"
    r"adgangskode|salasana|heslo|jelsz[oó]|parola|cookie|webhook|\bpin\b|κωδικ|كلمة|पासवर्ड|authoriz",
    re.IGNORECASE,
)
_HINTS = (
    "dot", "punkt", "punto", "ponto", "arroba", "pass", "pwd", "pw", "secret", "token", "key",
    "credential", "bearer", "basic", "contrase", "clave", "kennwort", "senha", "wachtwoord", "haslo",
    "sk-", "ak-", "as-", "akia", "asia", "aiza", "://", "cookie", "webhook", "authoriz", "sifre",
    "losenord", "adgangskode", "salasana", "heslo", "jelsz", "parola", "pin", "-----begin", "eyj",
)  # fmt: skip
"""What islands without a digit or an @ begin with. Every label has one of these in it."""
_FOREIGN_HINTS = (
    "hasło", "парол", "密码", "密碼", "パスワード", "비밀번호", "κωδικ", "كلمة", "पासवर्ड", "şifre", "lösenord", "şifr"
)  # fmt: skip
_MARKED = r"[\[({<] ?(?:[aA][tT]|[äÄ][tT]|[dD][oO][tT]|[aA][rR]{2}|[pP][uUoO][nNiI]|[.@])"
_LOUD = re.compile(rf"[0-9@⟦_]|{_MARKED}")
_QUICK = re.compile(
    rf"[@⟦]|{_MARKED}"
    r"|[0-9](?:[0-9A-Za-z]{4}|(?:[ \n\-./()·]{0,4}[0-9]){5}|[0-9]{0,2}\.[0-9]{1,3}\.)"
    r"|:[0-9A-Fa-f]{0,4}:|\b[A-Za-z0-9] (?:[^ \n] ){3}|(?<![A-Za-z0-9_\-])[A-Za-z0-9_\-.]{18}"
)
"""Five letters and digits in one word, six digits in several, an address, single signs, a long word. What stands in
several words stands in such that `_joined_before` goes back over."""
_LENGTHY = re.compile(r"[0-9].*[0-9].*[0-9]|@")
_DIGIT = re.compile(r"[0-9@⟦]")
_STICKY = re.compile(
    rf"[\[({{<]*(?:{_AT}|{_DOT}|@|\.)[\])}}>]*|[\[\](){{}}<>]+|[@.]\S*|ext\.?|=+|:", re.IGNORECASE
)
_STICKY_WORDS = ("at", "ät", "arroba", "dot", "punkt", "punto", "ponto", "point", "ext", "ext.")
_JOINER = re.compile(r"\W{0,2}(?:[A-Z]{1,6}|\w)\W{0,3}|\W{1,3}")
_WORD = re.compile(r"[^ \n]+")
_WORD_BEFORE_PEM = re.compile(r"(?:(?!-----BEGIN)[^ \n])+|-----BEGIN")
_BLANKS = re.compile(r"[ \n]*")
PEM = "-----BEGIN"
_PEM_BEGUN = re.compile(r"(?:-{1,5}|-----B(?:E(?:GI?)?)?)\Z")
"""The head of a key block parts words; a word that ends so may lose its end to one."""


@dataclass(frozen=True, slots=True)
class Island:
    """A slice of the shadow to search. `cut`: it goes on, and only what begins in its first half counts. `pem`: it is
    the head of a key block."""

    start: int
    end: int
    cut: bool = False
    pem: bool = False


class Starts:
    """Where islands of a text can begin, asked from left to right."""

    __slots__ = ("_quick", "_size", "_spots", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._size = len(text)
        self._quick = -1
        low = text.lower()
        hints = [hint for hint in _HINTS if hint in low]
        if not text.isascii():
            hints += [hint for hint in _FOREIGN_HINTS if hint in low]
        self._spots: list[int] = []
        for hint in hints:
            place = low.find(hint)
            while place >= 0:
                self._spots.append(place)
                place = low.find(hint, place + 1)
        self._spots.sort()

    @property
    def labels(self) -> bool:
        """Whether the text can hold labels and keys at all."""
        return bool(self._spots)

    @property
    def quiet(self) -> bool:
        """Whether the text holds nothing at all that could begin a find: a few microseconds."""
        return not self._spots and _LOUD.search(self._text) is None

    def after(self, start: int) -> int:
        """The first place from `start` on, -1 where there is none."""
        if self._quick < start:
            hit = _QUICK.search(self._text, start)
            self._quick = hit.start() if hit else self._size
        first = self._quick
        if self._spots:
            index = bisect_left(self._spots, start)
            if index < len(self._spots):
                first = min(first, self._spots[index])
        return first if first < self._size else -1

    def labelled(self, start: int, end: int) -> bool:
        """Whether the word there names a secret."""
        if not self._spots:
            return False
        index = bisect_left(self._spots, start)
        return (
            index < len(self._spots)
            and self._spots[index] < end
            and LABEL.search(self._text, start, end) is not None
        )


def following(text: str, start: int, final: bool, starts: Starts) -> Island | int:
    """The first island from `start` on, or the place before which the text holds none, whatever comes behind it."""
    hit = starts.after(start)
    if hit < 0:
        return len(text) if final else _held(text, start)
    if text.startswith(PEM, hit):
        return Island(hit, len(text), pem=True)
    first = _word_start(text, hit, start)
    begin = _joined_before(text, first, start)
    return _grown(text, begin, first, final, starts)


def _grown(text: str, begin: int, first: int, final: bool, starts: Starts) -> Island | int:
    word_of = _WORD_BEFORE_PEM if PEM in text else _WORD
    word = word_of.match(text, first, first + LIMIT + 1)
    if word is None:
        return first
    open_for = _reach(word, 0, starts)
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
        following_word = word_of.match(text, after, after + LIMIT + 1)
        if following_word is None or following_word.group() == PEM:
            return Island(begin, end)
        ahead = following_word.group()
        if not open_for and not _sticky(ahead) and not (_short(ahead) and _short(word.group())):
            unsure = following_word.end() == size and not final and _may_join(ahead, word.group())
            return begin if unsure else Island(begin, end)
        word = following_word
        open_for = _reach(word, open_for, starts)


def _reach(hit: re.Match[str], open_for: int, starts: Starts) -> int:
    """How many more words belong to the island after this one."""
    if starts.labelled(hit.start(), hit.end()):
        return 6
    word = hit.group()
    if not word.isalpha() and _DIGIT.search(word):
        return max(open_for - 1, 3 if _LENGTHY.search(word) else 1)
    return max(open_for - 1, 1 if _sticky(word) else 0)


def _short(word: str) -> bool:
    """A word that others go on from: a sign, a group of capitals."""
    if word.isalpha():
        return len(word) == 1 or (len(word) < 7 and word.isupper())
    return len(word) <= 10 and _JOINER.fullmatch(word) is not None


def _sticky(word: str) -> bool:
    if word.isalpha():
        return len(word) < 7 and word.lower() in _STICKY_WORDS
    return (len(word) < 12 and _STICKY.fullmatch(word) is not None) or word[0] in "@."


def _may_stick(begun: str) -> bool:
    """Whether a word that goes on can become one that sticks to the word before it."""
    low = begun.lstrip("[({<").lower()
    return len(begun) < 12 and (
        not low or _sticky(begun) or any(word.startswith(low.rstrip("])}>")) for word in _STICKY_WORDS)
    )


def _may_join(begun: str, before: str) -> bool:
    """Whether a word that goes on can still turn out to belong to the word before it."""
    if _may_stick(begun):
        return True
    cut = _PEM_BEGUN.sub("", begun)
    return cut != begun and (_may_stick(cut) or (_short(cut) and _short(before)))


def _apart(text: str, end: int, after: int) -> bool:
    return after - end > _GAP or text.count("\n", end, after) > 1


def _word_start(text: str, inside: int, floor: int) -> int:
    floor = max(floor, inside - LIMIT // 2)
    return max(text.rfind(" ", floor, inside), text.rfind("\n", floor, inside), floor - 1) + 1


def _joined_before(text: str, first: int, floor: int, sticks: bool | None = None) -> int:
    """Where the words begin that belong to the one at `first`, going back at most 128 code points."""
    least = max(floor, first - _BACK)
    word = _WORD.match(text, first, first + 16)
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
        if not (sticky or own or _short(before) or _DIGIT.search(before)):
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
    sticks = not begun or _may_stick(begun) or _may_stick(_PEM_BEGUN.sub("", begun))
    return _joined_before(text, last, floor, sticks=sticks)
