"""Takes a subject apart: what it is about, what about it, and how it reads as a statement."""

import re
from dataclasses import dataclass
from functools import lru_cache

_ASKING = frozenset({"how", "why", "when", "where", "which", "whether", "what"})
_ARTICLES = frozenset({"a", "an", "the"})
_PRONOUNS = frozenset({"i", "we", "you", "one"})
_BE = frozenset({"is", "are", "was", "were"})
_DO = frozenset({"does", "do", "did"})
_MODAL = frozenset({"can", "could", "will", "would", "should", "has", "have"})
_BREAKS = frozenset(
    {"not", "so", "a", "an", "the", "in", "on", "to", "by", "from", "at", "with", "such", "very"}
)
_VERBS = frozenset(
    """act affect age appear attract bake become begin behave boil bounce break breathe brew build burn catch cause
    change clean climb collapse conduct contain cook cool create cure cut dance decline develop die digest disappear
    dissolve drive dry eat erode erupt evolve expand explode fade fail fall feed ferment fight find fix flow fly
    form freeze generate get glow go grow happen harm hear heat help hibernate hum hunt improve keep learn leave live
    lose love make matter measure melt migrate move need orbit orient pollinate prevent produce protect pull pump purr
    raise reach reduce reflect rise rot run rust save see seem shape shine shrink sing sink sleep smell snow spin
    spoil spread stand start stay stick stop store store swim take taste tell think train travel turn twinkle use
    wash wear work write yawn""".split()
)
_IRREGULAR = {
    "made": "make", "built": "build", "fell": "fall", "grew": "grow", "flew": "fly", "began": "begin", "ran": "run",
    "became": "become", "goes": "go", "does": "do", "has": "have", "dies": "die",
}  # fmt: skip
_PLAIN_VERBS = frozenset({"work", "matter", "happen", "make", "use", "need", "help", "get", "become", "seem"})
_DULL = frozenset(
    """about best better good great important more most much many really very some any every each new right their its
    your my our this that these those much well best way ways thing things basics faster slower""".split()
)


@dataclass(frozen=True, slots=True)
class Topic:
    """`noun` stands after any preposition; `aspect` is what about it, or empty; `statement` the subject with its
    words in the order of a statement; `asks` where it could not be put in that order."""

    noun: str
    aspect: str
    statement: str
    asks: bool = False


def base(word: str) -> str:
    """The plain form of a verb that is known, else the word itself."""
    low = word.lower()
    if low in _IRREGULAR:
        return _IRREGULAR[low]
    for ending, instead in (
        ("", ""),
        ("ies", "y"),
        ("es", ""),
        ("s", ""),
        ("ed", ""),
        ("d", ""),
        ("ing", ""),
    ):
        if low.endswith(ending) and (stem := low[: len(low) - len(ending)] + instead) in _VERBS:
            return stem
    return low[:-1] if low.endswith("s") and not low.endswith("ss") else low


def gerund(verb: str) -> str:
    """The -ing form: cool, cooling; hum, humming; make, making."""
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return f"{verb[:-1]}ing"
    if re.fullmatch(r"[^aeiou]*[aeiou][bdgmnprt]", verb):
        return f"{verb}{verb[-1]}ing"
    return f"{verb}ing"


def third(verb: str) -> str:
    """The form after he, she or it: cools, flies, catches."""
    if re.search(r"(?:s|sh|ch|x|z|o)$", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y$", verb) else f"{verb}s"


def definite(noun: str) -> str:
    """A noun phrase with `the` in the place of `a` or `an`."""
    return re.sub(r"^(?:an?|the)\s+", "the ", noun, flags=re.I)


@lru_cache(maxsize=512)
def read(subject: str) -> Topic:
    """The parts of a subject, whatever its form."""
    words = subject.split()
    if len(words) > 1 and words[0].lower() in _ASKING:
        return _clause(words[0].lower(), words[1:])
    for mark in (" of ", " in ", " on ", " for ", " between "):
        head, found, rest = subject.partition(mark)
        if found and rest and len(head.split()) <= 3:
            aspect = (
                definite(head) if head.lower().startswith(("a ", "an ", "the ")) else f"the {head.lower()}"
            )
            # "the history of tea" is about tea; "tea in Japan" stays about tea.
            if mark == " of ":
                return Topic(definite(rest), aspect, subject)
            return Topic(definite(head), definite(rest), subject)
    first = words[0].lower() if words else ""
    if len(words) > 1 and first.endswith("ing") and first[:-3] in _VERBS | {v[:-1] for v in _VERBS}:
        return Topic(definite(" ".join(words[1:])), first, subject)
    return Topic(definite(subject), "", subject)


def _clause(asking: str, words: list[str]) -> Topic:
    first = words[0].lower()
    if first == "to" and len(words) > 1:
        return _to(asking, words[1:])
    if first in _DO | _MODAL and len(words) > 2:
        if words[1].lower() in _PRONOUNS:
            return _to(asking, words[2:])
        return _inverted(asking, first, words[1:])
    if first in _BE and len(words) > 2:
        return _being(asking, first, words[1:])
    plain = [at for at, word in enumerate(words) if word.lower() in _BE and at]
    if plain:
        noun, rest = words[: plain[0]], words[plain[0] + 1 :]
        return Topic(definite(" ".join(noun)), _quality(noun, rest), " ".join([asking, *words]))
    at = _verb(words)
    noun = words[:at]
    return Topic(definite(" ".join(noun)), _aspect(words[at:]), " ".join([asking, *words]))


def _to(asking: str, words: list[str]) -> Topic:
    """How to bake bread: bread, baking. How to learn to juggle: juggling."""
    if "to" in words[:2] and len(words) > 2:
        inner = words[words.index("to") + 1 :]
        told = " ".join([gerund(base(inner[0])), *inner[1:]])
        return Topic(told, "practice", " ".join([asking, "to", *words]))
    noun = _until(words[1:]) or words
    aspect = gerund(base(words[0])) if len(words) > 1 else ""
    return Topic(definite(" ".join(noun)), aspect, " ".join([asking, "to", *words]))


def _inverted(asking: str, helper: str, words: list[str]) -> Topic:
    at = _verb(words)
    noun, rest = words[:at], words[at:]
    topic = definite(" ".join(noun))
    if not rest or helper == "did":
        return Topic(topic, _aspect(rest), " ".join([asking, helper, *words]), asks=True)
    if helper == "does":
        rest = [third(rest[0].lower()), *rest[1:]]
    elif helper in _MODAL:
        rest = [helper, *rest]
    return Topic(topic, _aspect(words[at:]), " ".join([asking, *noun, *rest]))


def _being(asking: str, helper: str, words: list[str]) -> Topic:
    """Why is the sky blue: the sky, the blue sky."""
    start = 1 if words[0].lower() in _ARTICLES else 0
    breaks = [at for at, word in enumerate(words) if at > start and word.lower() in _BREAKS]
    at = breaks[0] if breaks else len(words) - 1
    if breaks and words[at].lower() in {"to", "in", "on", "by", "from", "at", "with"} and at - 1 > start:
        at -= 1
    at = max(at, start + 1)
    noun, rest = words[:at], words[at:]
    return Topic(definite(" ".join(noun)), _quality(noun, rest), " ".join([asking, *noun, helper, *rest]))


def _quality(noun: list[str], rest: list[str]) -> str:
    told = [word for word in rest if word.lower() not in _BREAKS | _DULL]
    if not told or len(rest) > 3:
        return ""
    if any(word.lower() in {"a", "an", "the"} for word in rest):
        return f"the {told[-1]}"
    if base(told[0]) in _VERBS:
        return gerund(base(told[0]))
    bare = [word for word in noun if word.lower() not in _ARTICLES]
    return f"{'the ' if len(bare) < len(noun) else ''}{told[-1]} {' '.join(bare)}"


def _verb(words: list[str]) -> int:
    """Where the verb of a clause stands."""
    if len(words) > 1 and base(words[-1]) in _VERBS:
        known = [at for at, word in enumerate(words[1:-1], 1) if word.lower() != base(word) or word in _VERBS]
        known = [at for at in known if base(words[at]) in _VERBS and base(words[-1]) not in _PLAIN_VERBS]
        return known[0] if known else len(words) - 1
    start = 2 if words[0].lower() in _ARTICLES else 1
    known = [at for at, word in enumerate(words) if at >= start and base(word) in _VERBS]
    return known[0] if known else min(start, len(words))


def _until(words: list[str]) -> list[str]:
    """The words of an object, up to a preposition."""
    kept: list[str] = []
    for word in words:
        if kept and word.lower() in _BREAKS | {"when", "while", "without", "if"}:
            break
        kept.append(word)
    return kept


def _aspect(words: list[str]) -> str:
    if not words:
        return ""
    told = [word for word in _until(words[1:]) if word.lower() not in _DULL]
    if told and words[1].lower() not in _BREAKS:
        return definite(" ".join(told))
    verb = base(words[0])
    return "" if verb in _PLAIN_VERBS else gerund(verb)
