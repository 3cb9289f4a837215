"""The canonical form of a prompt: what is hashed, and what is sent.

Two texts that show the same are made one; two that don't are never. So prose is put into NFC, invisible characters
that mean nothing are taken out (`invisible.py` says which mean something), odd spaces and line ends become plain ones.
Nothing is folded that a reader can tell apart: no case, no accents, no look-alikes, no superscripts. Of compatibility
characters only those are replaced that stand for the same letters in another dress: fi-ligatures, full and half width,
Arabic presentation forms, the micro sign. Code is left as it is (`code.py`), save CRLF. Tabs are kept: they part cells.

The law: `normalise(normalise(text)) == normalise(text)`. It holds since lines are read one after another and what a
line is taken for is decided by its canonical form; where the canonical form of a line would be read differently, the
line is taken for prose as a whole.
"""

import re
from collections.abc import Iterator
from unicodedata import combining, decomposition, is_normalized, normalize, unidata_version

from shared.recall.code import INDENTED, Fence, opened, spans
from shared.recall.invisible import IGNORABLE, RUN, idle_controls, without_idle
from shared.recall.scripts import COMPATIBLE_JAMO, EMOJI_VERSION, ranges, traits

VERSION = f"1/ucd {unidata_version}/emoji {EMOJI_VERSION}"
"""Part of every key: another version of Unicode may compose otherwise."""

_DRESSED = "B5 FB00-FB06 FB13-FB17 FB50-FBB1 FBD3-FC5D FC64-FD3D FD50-FDC7 FE71 FE77 FE79 FE7B FE7D FE7F-FEFC FF01-FFEE"
"""What stands for the same letters in another dress. Not the words that are one sign (U+FDF0 to U+FDFD), nor the marks
that stand on a space."""
_BLANKS = "\xa0\u2000-\u200a\u202f\u205f\u3000\u3164"
_BREAKS = "\r\x85\u2028\u2029"


def _plain(char: str) -> str:
    """The letters that a dressed one stands for."""
    if char >= "\uff01":
        # One step: two would take marks with a width of their own for marks on a space, and jamo for conjoining ones.
        return chr(int(decomposition(char).split()[1], 16))
    return normalize("NFKC", char)


_PLAIN = {
    char: _plain(char)
    for first, last in ranges(_DRESSED)
    for char in map(chr, range(first, last + 1))
    if decomposition(char).startswith("<")
}
_DRESS = re.compile("[\xb5\ufb00-\ufdc7\ufe71-\ufefc\uff01-\uffee]")
_BLANK = re.compile(f"[{_BLANKS}]")
_SPACES = re.compile(r" {2,}")
_BREAK = re.compile(f"[{_BREAKS}]")
_CRLF = re.compile(r"\r+\n")
_ODD = re.compile(f"[\xb5\ufb00-\ufdc7\ufe71-\ufefc\uff01-\uffee{_BLANKS}{_BREAKS}{IGNORABLE}]")
"""All that may have to be changed but for what has a canonical form of its own, and spaces."""
_EMPTY = re.compile(f"[ \t{_BLANKS}{_BREAKS}{IGNORABLE}]*")
_LONG, _STEP = 500, 16
"""Code points of a text from which on stacks of marks are looked for, and the steps in which they are."""
_MONGOLIAN_TAIL = re.compile("[\u1820-\u18aa\u180b-\u180d\u180f]")


def normalise(text: str) -> str:
    """The canonical form; `text` itself where it is that already. Never raises: half a surrogate pair is kept."""
    if _is_plain(text):
        return text
    found = _trimmed(list(_lines(_CRLF.sub("\n", text) if "\r\n" in text else text)))
    return text if found == text else found


def _is_plain(text: str) -> bool:
    """Whether there is nothing to do even if all of it is prose. The usual case, so it has to be cheap."""
    if not text:
        return True
    if text[0] in " \n\t" or text[-1] in " \n\t" or "  " in text or " \n" in text or "\t\n" in text:
        return False
    if text.isascii():
        return "\r" not in text
    return _ODD.search(text) is None and not any(_stacks(text)) and is_normalized("NFC", text)


def _lines(text: str) -> Iterator[str]:
    """The canonical lines. A line of prose may hold other line ends, so it may give several."""
    fence: Fence | None = None
    waiting = text.split("\n")
    waiting.reverse()
    while waiting:
        line = waiting.pop()
        if fence is not None and not fence.left_by(line):
            if fence.closed_by(line):
                fence = None
            yield line
            continue
        fence = None
        if _BREAK.search(line) and len(parts := _broken(line)) > 1:
            waiting.extend(reversed(parts))
            continue
        line = _line(line)
        if _BREAK.search(line) and len(_broken(line)) > 1:
            waiting.extend(
                reversed(_BREAK.split(line))
            )  # they were in code only until the line was put in order
            continue
        if "```" in line or "~~~" in line:
            fence = opened(line)
        yield line


def _broken(line: str) -> list[str]:
    """A line, cut at the line ends in it that are not in code."""
    if INDENTED.match(line) and not _EMPTY.fullmatch(line):
        return [line]
    code = spans(line) if "`" in line else []
    parts, at, upcoming = [], 0, 0
    for found in _BREAK.finditer(line):
        while upcoming < len(code) and code[upcoming][1] <= found.start():
            upcoming += 1
        if upcoming == len(code) or found.start() < code[upcoming][0]:
            parts.append(line[at : found.start()])
            at = found.end()
    return [*parts, line[at:]]


def _line(line: str) -> str:
    """The canonical form of a line outside fences."""
    if INDENTED.match(line) and not _EMPTY.fullmatch(line):
        return line
    if line.isascii() and "`" not in line and "\r" not in line:
        return _spacing(line, indented=True).rstrip(" \t")
    if _is_plain(line):
        return line
    if _EMPTY.fullmatch(line):
        return ""
    idle = idle_controls(line)
    found = _mixed(line, idle)
    if found == line:
        return line
    # Where backticks come together, or appear, spans may be others than before.
    if "`" in found and _mixed(found, idle) != found:
        found = _pieces(line, [], idle)
    return found if _settled(found) else _bare(found)


def _settled(line: str) -> bool:
    """Whether a line is its own canonical form."""
    if _is_plain(line) or INDENTED.match(line):
        return True
    return _mixed(line, idle_controls(line)) == line


def _bare(line: str) -> str:
    """A line without anything invisible: for texts that are made to have no canonical form."""
    return _pieces(RUN.sub("", line), [], frozenset())


def _mixed(line: str, idle: frozenset[str]) -> str:
    return _pieces(line, spans(line) if "`" in line else [], idle)


def _pieces(line: str, code: list[tuple[int, int]], idle: frozenset[str]) -> str:
    """A line whose spans of code are kept and whose prose is put in order."""
    parts, at = [], 0
    for start, end in [*code, (len(line), len(line))]:
        prose = _spacing(_prose(line[at:start], idle), indented=at == 0)
        parts += [prose, line[start:end]]
        at = end
    return "".join(parts).rstrip(" \t")


def _spacing(text: str, *, indented: bool) -> str:
    """Runs of spaces as one, but for the indentation of a line."""
    if "  " not in text:
        return text
    if not indented:
        return _SPACES.sub(" ", text)
    inner = text.lstrip(" ")
    return text[: len(text) - len(inner)] + _SPACES.sub(" ", inner)


def _prose(text: str, idle: frozenset[str]) -> str:
    if text.isascii():
        return text
    if _DRESS.search(text):
        text = _DRESS.sub(lambda found: _PLAIN.get(found[0], found[0]), text)
    text = _composed(text)
    shown = without_idle(text, idle)
    if shown is not text:
        text = _composed(shown)
    return _BLANK.sub(_spaced, text)


def _composed(text: str) -> str:
    """In NFC, and never slowly: `normalize` needs the square of the number of marks on one letter, seconds for sixty
    thousand of them. Where they are many they are put in canonical order first."""
    parts, at = [], 0
    for start, end in _stacks(text):
        marks = "".join(normalize("NFD", mark) for mark in text[start:end])
        parts += [text[at:start], "".join(sorted(marks, key=combining))]
        at = end
    return normalize("NFC", "".join([*parts, text[at:]]) if at else text)


def _stacks(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of runs of marks that are twice as long as the steps in which they are looked for, or more."""
    if len(text) < _LONG:
        return
    end = 0
    for at in range(0, len(text), _STEP):
        if at < end or not _is_mark(text[at]):
            continue
        start, end = at, at + 1
        while start and _is_mark(text[start - 1]):
            start -= 1
        while end < len(text) and _is_mark(text[end]):
            end += 1
        if end - start >= 2 * _STEP:
            yield start, end


def _is_mark(char: str) -> bool:
    return bool(combining(char)) or char in "\u0f73\u0f75\u0f81"  # these three are two marks each


def _spaced(found: re.Match[str]) -> str:
    """A blank as a space, but for those that belong to a script: the narrow one before Mongolian suffixes, the filler
    beside Hangul letters."""
    text, at = found.string, found.start()
    if found[0] == "\u202f" and at and _MONGOLIAN_TAIL.match(text, at - 1):
        return found[0]
    if found[0] == "\u3164" and (traits(text[at - 1 : at]) | traits(text[at + 1 : at + 2])) & COMPATIBLE_JAMO:
        return found[0]
    return " "


def _trimmed(lines: list[str]) -> str:
    """The text without empty lines round it. The first line's indentation goes where no other line has any: alone it
    says nothing."""
    first, last = 0, len(lines)
    while first < last and not lines[first]:
        first += 1
    while last > first and not lines[last - 1]:
        last -= 1
    text = "\n".join(lines[first:last])
    if text.startswith(" ") and not text.startswith("    ") and "\n " not in text and "\n\t" not in text:
        text = text.lstrip(" ")
    return text
