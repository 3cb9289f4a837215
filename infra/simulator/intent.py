"""Which form of answer a conversation asks for."""

import re

from infra.simulator import brief
from infra.simulator.answer import Turn

_EXACT = re.compile(
    r"\b(?:say|reply|respond|answer|return|output|print|write|repeat)\b(?:\s+(?:back|with|only|just|exactly|the|a|single|one|word|words|phrase|text|string|following|verbatim|nothing\s+but))*"
    r"\s*(?:exactly|only|just|verbatim|nothing but|word|the phrase|the text)\b"
    r"[^\S\n]*(?:the\s+(?:word|text|phrase)\s+|this\s*)?:?\s*(.+)",
    re.I | re.S,
)
_QUOTED = re.compile(r"^(?:say|repeat|print|echo)\s*:?\s*[\"'`“](.+?)[\"'`”]\s*[.!]?\s*$", re.I | re.S)
_SAID = re.compile(
    r"^(?:please\s+)?(?:just\s+)?say\s*:?\s+((?!something|nothing|a |an |the )[^.?\n]{1,60})[.!]?$", re.I
)
_COUNTING = re.compile(r"\bcount (?:up )?from (\d{1,4}) to (\d{1,4})\b", re.I)
_NUMBER_WORDS = {"times": "*", "multiplied by": "*", "plus": "+", "minus": "-", "divided by": "/"}
_SUM = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?(?:\s*(?:\*\*|[-+*/^])\s*\(?-?\d+(?:\.\d+)?\)?)+)(?![\w])")
_CONTINUE = re.compile(
    r"\b(?:continue|carry on|go on|resume|keep going|pick up)\b(?!\s+(?:to|with the next|reading))", re.I
)
_FORMS = (
    (
        "rewrite",
        r"\b(?:polish\w*|rewrit\w+|revis\w+|edit(?:or|ing)?|improve|proofread\w*|copy-?edit\w*|tighten|refine)\b",
    ),
    ("merge", r"\b(?:synthesi[sz]\w*|merge|combine|reconcile)\b"),
    ("critique", r"\b(?:critique|criticise|criticize|review|judge|assess|evaluate|weakness\w*)\b"),
    ("summary", r"\b(?:summari[sz]e\w*|summary|abstract|tl;?dr)\b"),
    ("outline", r"\b(?:outline|table of contents)\b"),
    ("title", r"\b(?:a|one|the|short|catchy|single)\s+(?:\w+\s+)?(?:title|headline|tagline|slogan)\b"),
    (
        "notes",
        r"\b(?:research(?:er)?|findings|gather|fact-?find\w*|collect facts"
        r"|list (?:the )?(?:key )?facts|key facts|sources|notes)\b",
    ),
    (
        "product",
        r"\b(?:product (?:descriptions?|page|copy|facts)|describe (?:the|this) product|marketing copy)\b",
    ),
    (
        "article",
        r"\b(?:article|blog|essay|draft\w*|guide|report|feature|long-?form|white ?paper|markdown|writer)\b",
    ),
)
_COMPILED = tuple((name, re.compile(pattern, re.I)) for name, pattern in _FORMS)
_NEEDS_DOCUMENT = frozenset({"rewrite", "merge", "critique"})
_GREETING = re.compile(r"^\W*(?:hi|hello|hey|good (?:morning|evening|afternoon))\b.{0,30}$", re.I | re.S)
_COUNT = re.compile(
    r"\b(\d{1,2}|two|three|four|five|six|seven|eight|nine|ten)\s+(?:\w+\s+){0,2}"
    r"(?:tips|ideas|ways|reasons|examples|things|points|bullets|bullet points|steps|options|items|questions)\b",
    re.I,
)
_WORDS = {w: n for n, w in enumerate("zero one two three four five six seven eight nine ten".split())}


def exact(asked: str) -> str | None:
    """The words that the user wants back and nothing else, or None."""
    if len(asked) > 2_000:
        return None
    counted = _COUNTING.search(asked)
    if counted and int(counted.group(1)) <= int(counted.group(2)) <= 1_000:
        return ", ".join(str(number) for number in range(int(counted.group(1)), int(counted.group(2)) + 1))
    match = _QUOTED.match(asked.strip()) or _EXACT.search(asked) or _SAID.match(asked.strip())
    if not match:
        return None
    wanted = match.group(1).strip()
    quoted = re.match(r"[\"'`“](.+?)[\"'`”]", wanted, re.S)
    if quoted:
        return quoted.group(1)
    wanted = wanted.splitlines()[0].strip()
    if re.match(r"(?:the|a|an|in|one|your|json|valid|with|if|when|after)\b", wanted, re.I):
        return None
    return re.sub(r"(?<=[\w)])\.$", "", wanted) or None


def arithmetic(asked: str) -> tuple[str, str] | None:
    """A sum in a short message and its value, both as text, or None. Only numbers and + - * / ** are read."""
    if len(asked) > 400:
        return None
    plain = asked.replace("×", "*").replace("÷", "/").replace("−", "-").replace("·", "*")
    plain = re.sub(r"(?<=\d)\s*x\s*(?=\d)", "*", plain)
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    for words, sign in _NUMBER_WORDS.items():
        plain = re.sub(rf"(?<=\d)\s+{words}\s+(?=-?\d)", f" {sign} ", plain, flags=re.I)
    match = _SUM.search(plain)
    if not match or re.search(r"\d{4}-\d{2}-\d{2}|\d+/\d+/\d+", plain):
        return None
    value = _value(match.group(1))
    return None if value is None else (match.group(1).strip(), value)


def _value(expression: str) -> str | None:
    terms = re.findall(r"\*\*|[-+*/^]|\d+(?:\.\d+)?", expression.replace("(", "").replace(")", ""))
    numbers: list[float | int] = []
    signs: list[str] = []
    negative = False
    for term in terms:
        if term[0].isdigit():
            number: float | int = float(term) if "." in term else int(term)
            numbers.append(-number if negative else number)
            negative = False
        elif len(signs) == len(numbers):
            negative = term == "-"
        else:
            signs.append(term)
    for level in (("**", "^"), ("*", "/"), ("+", "-")):
        at = 0
        while at < len(signs):
            if signs[at] not in level:
                at += 1
                continue
            done = _apply(signs[at], numbers[at], numbers[at + 1])
            if done is None:
                return None
            numbers[at : at + 2] = [done]
            del signs[at]
    result = numbers[0]
    if isinstance(result, float):
        result = round(result, 10)
        return str(int(result)) if result == int(result) else str(result)
    return str(result)


def _apply(sign: str, left: float | int, right: float | int) -> float | int | None:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if sign == "/":
        return None if right == 0 else left / right
    return left**right if 0 <= right <= 64 and abs(left) < 10_000 else None


def form(turns: tuple[Turn, ...]) -> str:
    """rewrite, merge, critique, summary, outline, title, notes, product, article, list, greeting or chat.

    Where several would fit, what is said first wins: "write an article from these notes" is an article.
    """
    asked = brief.last_user(turns)
    if _GREETING.match(asked) and len(turns) <= 2:
        return "greeting"
    instructions = brief.instructions(turns)
    carried = brief.document(asked)
    found = [(match.start(), name) for name, rule in _COMPILED if (match := rule.search(instructions))]
    usable = [(at, name) for at, name in found if carried or name not in _NEEDS_DOCUMENT]
    if not usable:
        return "list" if _COUNT.search(asked) else "chat"
    return min(usable)[1]


def count(asked: str, default: int) -> int:
    """How many items the user asked for."""
    match = _COUNT.search(asked)
    if not match:
        return default
    word = match.group(1).lower()
    return max(1, min(_WORDS.get(word) or int(word), 30))


def words(asked: str) -> int | None:
    """A wished length in words, where the message names one."""
    match = re.search(r"\b(\d{2,4})[\s-]*words?\b", asked)
    return int(match.group(1)) if match else None


def sentences(asked: str) -> int | None:
    """A wished length in sentences, where the message names one."""
    match = re.search(r"\b(\d|one|two|three|four|five|a single)\s+(?:short\s+)?sentences?\b", asked, re.I)
    if not match:
        return None
    word = match.group(1).lower()
    return 1 if word == "a single" else _WORDS.get(word) or int(word)


def continues(turns: tuple[Turn, ...]) -> bool:
    """True where the last user message asks to go on with a text that was cut."""
    return bool(_CONTINUE.search(brief.ends(brief.last_user(turns))))
