"""What a model says before it goes on: preambles, code fences opened again, dots."""

import re

_SAYS = (
    r"(?:sure|certainly|of course|absolutely|ok(?:ay)?|right|got it|understood|apologies|sorry)\b"
    r"|(?:here(?:'s|’s| is| are| comes| follows)|below is|this is|the following is)\b"
    r"|\(?\s*(?:continu\w+|cont\.?d?|resum\w+|carrying on|picking up|going on|continuation)\b"
    r"|(?:let me|i(?:'ll| will|’ll| shall| am going to)|we)\s+(?:now\s+)?"
    r"(?:continu\w+|go on|carry on|pick up|resum\w+|finish)"
    r"|(?:as requested|from where)\b"
    r"|(?:fortsetzung|weiter geht|hier (?:ist|folgt|geht)|ich (?:setze|fahre))\b"
    r"|(?:voici|suite|je (?:continue|reprends|poursuis)|bien s[uû]r)\b"
    r"|(?:continuaci[oó]n|contin[uú]o|aqu[ií]|claro|por supuesto|sigo)\b"
    r"|(?:ecco|continuo|prosegu\w+|certo)\b|(?:aqui est[aá]|continuando)\b"
    r"|(?:продолж\w+|вот|конечно)\b"
    r"|(?:以下|接下来|继续|繼續|好的|当然|當然|接上文|続き|続け|はい|계속|이어서|네)"
)
_GOES_ON = (
    r"(?:contin|resum|rest\b|remain|left off|stopped|stops|cut off|where (?:i|we|it)|pick|carry|go(?:ing)? on|follow"
    r"|fortsetz|weiter|suite|reste|repren|poursui|seguir|sigue|resto|prosegu|продолж|остал"
    r"|继续|繼續|接|续|続|계속|이어)"
)
_PREAMBLE = re.compile(
    rf"\s*[\"“*_(]*(?:{_SAYS})(?P<words>[^\n:：]{{0,160}}?)(?:[:：]|\.{{3}}|…|(?=\n))[*_)]*[ \t]*\n{{0,2}}",
    re.I,
)
_MAYBE = re.compile(rf"\s*[\"“*_(]*(?:{_SAYS})[^\n:：]{{0,160}}\Z", re.I)
_BEGUN = re.compile(r"\s*[\"“*_(]*\w{0,12}\s?\Z")
"""Too little to tell a remark from the text."""
_WORD = re.compile(_GOES_ON, re.I)
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)(?P<end>\n|\Z)")
_WRAPPER = frozenset({"markdown", "md", "text", "txt", "plaintext", "json"})
_DOTS = re.compile(r"\s*(?:\.{3}|…)\s*")


def preamble(text: str, *, final: bool) -> int | None:
    """How much of the beginning is a remark that it goes on, in code points; None where that can't be said yet."""
    found = _PREAMBLE.match(text)
    if found is not None and _WORD.search(found.group()):
        return found.end()
    if found is None and not final and (_BEGUN.match(text) or _MAYBE.match(text)):
        return None
    return 0


def fence(text: str, *, inside: bool, final: bool) -> int | None:
    """The length of a line at the beginning that opens a code fence which is open already, or one round everything; 0
    for none, None where the line is not whole. A fence without a language closes the one that is open."""
    if not final and text.strip() in ("`", "``", "~", "~~"):
        return None
    found = _FENCE.match(text)
    if found is None:
        return 0
    if not found["end"] and not final:
        return None
    info = found["info"].strip().casefold()
    opens = bool(info) if inside else info in _WRAPPER
    return found.end() if opens else 0


def dots(text: str) -> int:
    """The length of dots that stand for what was left out."""
    found = _DOTS.match(text)
    return found.end() if found is not None else 0


def inside_fence(text: str) -> bool:
    """Whether a Markdown text ends inside a code fence."""
    mark = ""
    for line in text.splitlines():
        head = line.lstrip()[:3]
        if head in ("```", "~~~"):
            if not mark:
                mark = head
            elif head == mark:
                mark = ""
    return bool(mark)
