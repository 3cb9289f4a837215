"""What a text says, as its words in order, and the name of that.

Two texts with the same name differ in nothing but politeness, marks at the ends, the case of a sentence's first word,
contractions, the spelling of one side of the Atlantic, and how numbers up to twelve and their like are written. So an
answer to one may be served for the other; nothing else is taken away, no article and no ending.
"""

from functools import lru_cache
from hashlib import sha256

from shared.recall.near.courtesy import ASKED, WISHED, bare
from shared.recall.near.language import is_english
from shared.recall.near.tokens import BREAK, begun, tokens
from shared.recall.normalise import normalise

VERSION = "1"
LONGEST = 2_000
"""Code points of a text from which on no other wording is looked for."""
_MARKS = frozenset({".", "?", "!", "...", ",", ";", ":", "-", BREAK})
_FINITE = ASKED - frozenset("what who whom whose which where when why how".split())
_SUBJECTS = frozenset("i you he she it we they this that these those there everyone nobody someone".split())
_TOLD = frozenset(
    "went came said told made took gave found got left saw knew thought became won lost died".split()
)


@lru_cache(maxsize=1024)
def content(text: str) -> tuple[str, ...] | None:
    """The content tokens of a text in order; None where it is empty, too long or not English."""
    if len(text) > LONGEST:
        return None
    shown = normalise(text)
    if not shown or not is_english(shown):
        return None
    raw = tokens(shown)
    asked = _asks(raw)
    found = bare(begun(bare(raw)))
    found = _without_ends(_joined_lists(begun(found)))
    if not found:
        return None
    if asked and _may_state(found):
        found.append("?")
    return tuple(found)


def content_key(text: str) -> str | None:
    """A name, 64 hex digits, that only texts share which ask for the same; None where the words alone don't
    tell: code,
    another language, a text too long."""
    found = content(text)
    if found is None or any(token.startswith("`") and _is_code(token) for token in found):
        return None
    return sha256("\x1f".join((VERSION, *found)).encode("utf-8", "surrogatepass")).hexdigest()


def _is_code(token: str) -> bool:
    return token.count("`") > 1 or any(sign in token for sign in "{}=;<>\\()[]") or " " in token


def _asks(found: list[str]) -> bool:
    for sign in reversed(found):
        if sign == "?":
            return True
        if sign not in {".", "!", "...", ",", BREAK}:
            break
    return False


def _without_ends(found: list[str]) -> list[str]:
    end = len(found)
    while end and found[end - 1] in _MARKS:
        end -= 1
    start = 0
    while start < end and found[start] in _MARKS:
        start += 1
    return found[start:end]


def _joined_lists(found: list[str]) -> list[str]:
    """`a, b, and c` as `a, b and c`; marks that stand twice, once; an exclamation as a full stop."""
    result: list[str] = []
    for at, sign in enumerate(found):
        following = found[at + 1] if at + 1 < len(found) else ""
        if sign == "," and following in {"and", "or"}:
            continue
        sign = "." if sign == "!" else sign
        if result and sign in _MARKS and sign == result[-1]:
            continue
        result.append(sign)
    return result


def _may_state(found: list[str]) -> bool:
    """Whether a text without its question mark might be a statement."""
    first = found[0].lower()
    if (
        first in ASKED
        or first in WISHED
        or (len(found) > 1 and found[1].lower() in {"which", "what", "whom"})
    ):
        return False
    low = {token.lower() for token in found}
    return (
        first in _SUBJECTS or bool(low & _FINITE) or bool(low & _TOLD) or any(w.endswith("ed") for w in low)
    )
