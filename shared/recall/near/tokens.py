"""A text as tokens: words, marks, and things that only their own bytes can stand for.

A token is a str. Its first character tells what it is: a backtick for code and everything that looks like it,
a double
quote for a quotation, `⟦` for a placeholder, a letter or a digit for words and numbers, else a mark. Only words are
ever taken for one another.
"""

import re
from collections.abc import Iterator

from shared.recall.code import INDENTED, Fence, opened, spans
from shared.recall.near.spelling import american, counted, expanded
from shared.recall.near.words import is_word

_QUOTES = re.compile(
    r"""(?<![\w(\[{=,.:])"[^"\n]*"(?!\w)|\u201c[^\u201d\n]*\u201d|\u00ab[^\u00bb\n]*\u00bb"""
    r"""|(?<![\w(\[{=,.:])'[^'\n]+'(?!\w)|(?<!\w)\u2018[^\u2018\u2019\n]+\u2019(?!\w)"""
)
_QUOTED = {"'": "\"'", "\u2018": "\"'"}
_SLOT = re.compile("\u27e6[^\u27e6\u27e7\n]*\u27e7")
_RUN = re.compile(r"\S+")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*'?|[^\W\d_]\.(?:[^\W\d_]\.)+")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:st|nd|rd|th|s)?")
_MEASURE = re.compile(
    r"(?P<number>[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"
    r"(?P<unit>%|km|cm|mm|m|mi|ft|in|kg|g|mg|lb|lbs|oz|l|ml|gb|mb|kb|tb|hz|khz|mhz|ghz|mph|kph|kw|kwh|am|pm)"
)
_OPENING, _CLOSING = "([{", ")]},.!?:;\u2026"
_MARKS = {"\u2014": "-", "\u2013": "-", "--": "-", "-": "-", "\u2026": "...", "...": "...", "&": "and"}
_CASED = frozenset(
    """polish march turkey china apple windows python java excel reading nice mobile job rust go swift ruby
    amazon target
    shell word aids oracle spring flask django cork bath sandwich champagne slack zoom meta notion stripe jack
    bill mark frank rich drew pat rose grace hope faith""".split()
)
"""Words that mean another thing when they are capitalised: kept as they are, even where a sentence begins."""
_SAME = frozenset("google linux internet english french german spanish italian christmas javascript".split())
"""Words whose capital letter says nothing, though lists have both."""
_FEW = re.compile(r"[\"'\u201c\u201d\u2018\u2019]")
_SMILES = frozenset(
    ":) :-) ;) ;-) :D :-D :( ^^ <3 \U0001f642 \U0001f60a \U0001f64f \U0001f44b \U0001f44d".split()
)
BREAK = "\n"


def tokens(text: str) -> list[str]:
    """What a canonical text (see `recall.normalise`) says, in order, spelled in one way; politeness still in it."""
    found: list[str] = []
    for line, is_code in _lines(text):
        if found:
            found.append(BREAK)
        if is_code:
            found.append("`" + line)
            continue
        at = 0
        for start, end in _atoms(line):
            found.extend(_prose(line[at:start]))
            atom = line[start:end]
            found.append(atom if atom[0] in "`\u27e6" else _QUOTED.get(atom[0], '"') + atom[1:-1])
            at = end
        found.extend(_prose(line[at:]))
    return _spelled(found)


def is_plain(token: str) -> bool:
    """Whether a token is a word."""
    return token[0].isalpha()


def begun(found: list[str]) -> list[str]:
    """The same with what begins a sentence in lower case."""
    first = True
    result: list[str] = []
    for token in found:
        if first and is_plain(token):
            token = _lowered(token)
        result.append(token)
        first = token in {".", "?", "!", BREAK}
    return result


def _lowered(token: str) -> str:
    lower = token.lower()
    return (
        token if token != lower and (lower in _CASED or not token[1:].islower()) and len(token) > 1 else lower
    )


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """The lines that say something, and whether each is code."""
    fence: Fence | None = None
    for line in text.split("\n"):
        if fence is not None and not fence.left_by(line):
            if fence.closed_by(line):
                fence = None
            yield line, True
            continue
        fence = opened(line) if "```" in line or "~~~" in line else None
        if fence is not None or INDENTED.match(line):
            yield line, True
        elif line.strip():
            yield line, False


def _atoms(line: str) -> list[tuple[int, int]]:
    """Start and end of spans of code, quotations and placeholders, in order, none in another."""
    places = spans(line) if "`" in line else []
    if "\u27e6" in line:
        places += [found.span() for found in _SLOT.finditer(line)]
    if _FEW.search(line):
        places += [found.span() for found in _QUOTES.finditer(line)]
    kept: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _prose(text: str) -> Iterator[str]:
    for run in _RUN.findall(text.replace("\u2019", "'")):
        if run in _MARKS:
            yield _MARKS[run]
            continue
        if run in _SMILES:
            continue
        while run and run[0] in _OPENING:
            yield run[0]
            run = run[1:]
        after: list[str] = []
        while run and run[-1] in _CLOSING and not _WORD.fullmatch(run):
            after.append(_MARKS.get(run[-1], run[-1]))
            run = run[:-1]
        yield from _core(run)
        yield from reversed(after)


def _core(run: str) -> Iterator[str]:
    if not run:
        return
    measure = _MEASURE.fullmatch(run)
    if measure is not None:
        yield measure["number"].replace(",", "")
        yield "percent" if measure["unit"] == "%" else measure["unit"]
    elif _NUMBER.fullmatch(run):
        yield run.replace(",", "")
    elif run[0] in "$\u20ac\u00a3\u00a5" and _NUMBER.fullmatch(run[1:]):
        yield "`" + run.replace(",", "")
    elif _WORD.fullmatch(run):
        yield {"p.m.": "pm", "a.m.": "am"}.get(run.lower(), run)
    else:
        yield from _joined(run)


def _joined(run: str) -> Iterator[str]:
    """Words with a dash or marks between them and no space; else something for which its bytes stand."""
    parts = re.split(r"(\u2014|\u2013|,|\?|!|;|\.\.\.)", run)
    if len(parts) > 1 and all(_WORD.fullmatch(part) for part in parts[::2]):
        for at, part in enumerate(parts):
            yield _MARKS.get(part, part) if at % 2 else part
        return
    yield "`" + run


def _spelled(found: list[str]) -> list[str]:
    """With contractions in full, American spelling, digits, and case where it may tell words apart."""
    result: list[str] = []
    for at, token in enumerate(found):
        if not is_plain(token):
            result.append(token)
            continue
        lower = token.lower()
        following = found[at + 1].lower() if at + 1 < len(found) else ""
        before = found[at - 1] if at else BREAK
        if before in {".", "?", "!", BREAK} or token == lower:
            cased = _lowered(token)
        else:
            cased = lower if lower == "i" or lower.startswith("i'") else token
        if cased == lower:
            parts = expanded(lower, following)
            result += [american(part) for part in parts]
        else:
            result.append(lower if _says_nothing(lower, before) else cased)
    return _whole_numbers(result)


def _says_nothing(lower: str, before: str) -> bool:
    """Whether a capital letter in a sentence tells nothing: no word is spelled so without one."""
    return (
        lower in _SAME
        or not is_word(lower)
        or (lower == "python" and before.lower() in {"in", "using", "with"})
    )


def _whole_numbers(found: list[str]) -> list[str]:
    """Each run of words with its number words as digits."""
    result: list[str] = []
    run: list[str] = []
    for token in found:
        if is_plain(token):
            run.append(token)
            continue
        result += [*counted(run), token]
        run = []
    return result + counted(run)
