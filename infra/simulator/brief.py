"""Reads a conversation: what it is about, for whom, and which document it carries.

Plain patterns, no model: enough to keep the simulator's prose on the caller's subject.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from infra.simulator import lexicon, topic
from infra.simulator.answer import Turn

_LABEL = re.compile(
    r"(?im)^[ \t>*_#\-\"']*(?:the )?(?:user'?s? )?"
    r"(?:brief|topic|subject|title|product(?: name)?|theme|question|task|request)"
    r"[\"'*_]*\s*[:=]\s*[\"'*_]*(.{2,400}?)[\"'*_,]*\s*$"
)
_TAG = re.compile(r"<(brief|topic|subject|product|question|request|task)>\s*(.+?)\s*</\1>", re.S | re.I)
_ASKS = (
    re.compile(
        r"\b(?:article|post|essay|guide|report|piece|story|poem|overview|introduction|notes|facts|summary|description"
        r"|paragraphs?|text|page|letter|email|research|copy|plan|outline|tips|ideas|sentences?|words|something|questions?)\s+"
        r"(?:about|on|regarding|concerning|of|for|covering|explaining)\s+(.+)",
        re.I | re.S,
    ),
    re.compile(r"\b(?:about|regarding|concerning)\s+(.+)", re.I | re.S),
    re.compile(
        r"\b(?:explain|describe|discuss|introduce|summari[sz]e|research|outline|define|compare)\s+(.+)",
        re.I | re.S,
    ),
    re.compile(r"\b(?:what|who)(?:['’]s|['’]re|\s+(?:is|are|was|were))\s+(.+)", re.I | re.S),
    re.compile(r"((?:how|why|when|where|which|whether)\s+.+)", re.I | re.S),
    re.compile(
        r"\b(?:write|draft|compose|create|produce|prepare|generate|give|tell)\s+(?:me\s+|us\s+)?(.+)",
        re.I | re.S,
    ),
)
_END = re.compile(
    r"[.?!;:\n]|\s\(|,\s(?!(?!including|such|like|with|covering)(?:[\w'-]+,?\s){1,4}(?:and|or)\b)"
    r"|\s+(?:in|using|within)\s+(?:about\s+|around\s+)?(?:\d+|one|two|three|four|five|a few)\b"
    r"|\s+(?:and|then)\s+(?:write|make|keep|include|give)\b"
    r"|\s+(?:for|aimed at|that|which|with|please|in markdown|as markdown|in plain)\s",
    re.I,
)
_LENGTH = re.compile(r"\s+(?:of|in)\s+(?:about\s+|around\s+)?\d{2,5}[ -]words?\b:?", re.I)
_AUDIENCE = re.compile(r"(?im)^[ \t*_#-]*(?:audience|readers?)[ \t*_]*[:=][ \t]*([^\n]{3,60}?)[ \t.*_]*$")
_READERS = re.compile(r"\b(?:for|aimed at)[ \t]+((?:[\w'-]+[ \t]?){1,4})", re.I)
_NO_READERS = frozenset({"the", "a", "an", "this", "that", "each", "example", "beginning", "when", "which"})
_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")
_DULL = frozenset(
    """about above after again also another article because been before being below between brief could document draft
    each english every facts first following format from give have headings help here into itself just keep language
    length like list long make many markdown maximum minimum more most must need notes only other output over paragraph
    paragraphs please point points provide reader readers reply request research respond return same section sections
    sentence sentences should short some step such task tell text than that their them then there these they this those
    through title tone topic under using very what when where which while will with without word words would write
    writing your yours user users answer question assistant""".split()
)
_OPENING = re.compile(r"<([A-Za-z][\w-]{0,40})>|(```)[\w-]*\n|(\"\"\")")
_MOST_BLOCKS = 60
# Patterns look only at the ends of what may be two megabytes.
_HEAD, _TAIL, _CARRIED = 8_000, 2_000, 200_000
_BELOW = re.compile(r"[^\n]*\b(?:this|the following|these|below)\b[^\n]*\n[ \t]*\n([^#\n<`][^\n]{2,})", re.I)
_DRAFT_LABEL = re.compile(
    r"(?im)^[ \t*_#]*(?:(?:the|here is the|current|first|full)\s+)?"
    r"(?:draft|article|text|document|answers?)[^\n:]{0,40}:[ \t]*\n(.+)\Z",
    re.S,
)
_HEADLINE = re.compile(r"(?m)^# .+")
_LONG = 280
_CLAUSE = frozenset({"how", "why", "when", "where", "which", "whether", "what"})
_SMALL = frozenset("a an the of and or for in on to with at by from as".split())
_POINTERS = frozenset(
    {"it", "this", "that", "them", "these", "those", "about it", "about this", "about that"}
)
_LISTED = re.compile(
    r"\b(?:including|include|covering|cover|mention(?:ing)?|focus(?:ing|ed)? on|such as|sections? on"
    r"|(?:work in these )?key ?words?\s*:)"
    r"\s+([^.\n;?!]{3,200})",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Brief:
    """What the prose is to be about. `detail` are words of the brief beside the subject."""

    subject: str
    readers: str
    details: tuple[str, ...]

    @property
    def phrase(self) -> str:
        """The subject as it reads after a preposition."""
        parts = topic.read(self.subject)
        if parts.asks:
            return f"the question \u201c{self.subject[:1].upper()}{self.subject[1:]}?\u201d"
        return topic.definite(parts.statement)

    @property
    def noun(self) -> str:
        """What the subject is about, as it reads after a preposition."""
        return topic.read(self.subject).noun

    @property
    def about(self) -> tuple[str, ...]:
        """What belongs to the subject: details of the brief, its own second half, words that are known to go
        with it."""
        parts = topic.read(self.subject)
        known = lexicon.entry(self.subject)
        found = [*self.details, parts.aspect, *(known.details if known else ())]
        noun = self.noun.lower()
        return tuple(dict.fromkeys(part for part in found if part and part.lower() not in noun))

    @property
    def asks(self) -> bool:
        """True where the subject is a clause."""
        words = self.subject.lower().split()
        return len(words) > 1 and words[0] in _CLAUSE

    @property
    def titled(self) -> str:
        """The subject in title case; words that carry capitals already are kept."""
        parts = topic.read(self.subject)
        shown = title_case(re.sub(r"^an?\s+(?=\S)", "", parts.statement, flags=re.I))
        return f"{shown}?" if parts.asks else shown

    @property
    def headed(self) -> str:
        """The noun of the subject in title case, for headings."""
        return title_case(self.noun)

    @property
    def slug(self) -> str:
        """The subject for an address."""
        return "-".join(re.findall(r"[a-z0-9]+", self.subject.lower())[:6]) or "subject"


def title_case(text: str) -> str:
    """Words with a capital each; small ones stay small but for the first, and capitals that are there are kept."""
    return " ".join(
        word if word != word.lower() or (at and word in _SMALL) else word[:1].upper() + word[1:]
        for at, word in enumerate(text.split())
    )


def said(turns: tuple[Turn, ...], role: str) -> str:
    """All text of one role."""
    return "\n".join(turn.text for turn in turns if turn.role == role)


def last_user(turns: tuple[Turn, ...]) -> str:
    """The newest message of the user, or empty."""
    return next((turn.text for turn in reversed(turns) if turn.role == "user"), "")


def ends(text: str) -> str:
    """The beginning and the end of a text, where what is asked for stands."""
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def blocks(text: str) -> list[tuple[str, str]]:
    """What stands between a tag and its end, in a fence or in triple quotes: (tag or mark, content), in one pass."""
    found = []
    at = 0
    for _ in range(_MOST_BLOCKS):
        opening = _OPENING.search(text, at)
        if opening is None:
            break
        tag, fence, quotes = opening.groups()
        mark = f"</{tag}>" if tag else fence or quotes
        end = text.find(mark, opening.end())
        if end < 0:
            at = opening.end()
            continue
        found.append((tag or mark, text[opening.end() : end].strip()))
        at = end + len(mark)
    return found


@lru_cache(maxsize=256)
def document(text: str) -> str:
    """The longest document that a message carries (tagged, fenced, labelled or from its headline on), or empty."""
    text = text[:_CARRIED]
    found = [content for _, content in blocks(text)]
    headline = _HEADLINE.search(text)
    if headline and not any(headline.group(0) in content for content in found):
        found.append(text[headline.start() :])
    labelled = _DRAFT_LABEL.search(text, 0, _HEAD) and _DRAFT_LABEL.search(text)
    if labelled:
        found.append(labelled.group(1))
    best = max(found, key=len, default="").strip()
    inner = _HEADLINE.search(best)
    if inner:
        best = best[inner.start() :]
    return best if len(best) >= _LONG else ""


def instructions(turns: tuple[Turn, ...]) -> str:
    """What is asked, system first, without the documents that the messages carry."""
    asked = last_user(turns)
    carried = document(asked)
    if carried:
        asked = asked.replace(carried, " ")
    return ends(said(turns, "system")) + "\n" + ends(asked)


def _clause(text: str) -> str:
    text = re.sub(r"^[\s\"'*_`#>-]+", "", text)
    text = re.sub(r"^(?:please\s+)?(?:can|could|would)\s+you\s+", "", text, flags=re.I)
    end = _END.search(text)
    clause = (text[: end.start()] if end else text).strip(" \"'*_`.,:;-")
    return " ".join(clause.split()[:12])


def _subject(text: str) -> str:
    text = ends(text)
    for pattern in (_TAG, _LABEL):
        match = pattern.search(text)
        if match:
            inner = match.group(match.lastindex or 1)
            return _asked(inner) or _clause(inner)
    below = _BELOW.match(text)
    if below:
        return _clause(below.group(1))
    headline = _HEADLINE.search(text)
    if headline:
        title = headline.group(0)[2:]
        title = re.sub(
            r"^A Clear-Eyed Look at "
            r"|(?::? (?:What Matters.*|A Practical Guide|The Essentials)|,? Step by Step|,? Explained.*)$",
            "",
            title,
        )
        # A title has capitals that its subject may not have; the document itself shows which.
        return " ".join(
            word.lower() if f" {word.lower()}" in text else word for word in _clause(title).split()
        )
    return _asked(text)


def _asked(text: str) -> str:
    # "an article of 700 words on tea" is no article of 700 words.
    opening = _LENGTH.sub("", text.strip()[:600])
    for pattern in _ASKS:
        match = pattern.search(opening)
        if match:
            clause = _clause(match.group(1))
            if len(clause) > 2:
                return clause
    return ""


def _details(asked: str) -> tuple[str, ...]:
    found = _LISTED.search(asked[:4_000])
    if not found:
        return ()
    parts = [part.strip(" \"'*_") for part in re.split(r",|\band\b", found.group(1))]
    return tuple(part for part in parts if 2 < len(part) < 40)[:5]


@lru_cache(maxsize=256)
def read(turns: tuple[Turn, ...]) -> Brief:
    """The brief behind a conversation: from the last user message, else from what came before it."""
    asked = last_user(turns)
    subject = _subject(asked)
    if not subject or subject.lower() in _POINTERS:
        earlier = [turn.text for turn in turns if turn.role == "user" and turn.text != asked]
        words = [word for word in _WORD.findall(asked[:2_000]) if word.lower() not in _DULL]
        subject = (
            next((known for text in reversed(earlier) if (known := _subject(text))), "")
            or " ".join(dict.fromkeys(words[:4]))
            or _subject(said(turns, "system"))
            or "the matter at hand"
        )
    opening = subject.split(" ", 1)[0]
    if opening.lower() in _CLAUSE | {"the", "a", "an"}:
        subject = subject[:1].lower() + subject[1:]
    readers = _audience(asked[:4_000])
    if readers.lower() in subject.lower():
        readers = "readers"
    return Brief(subject, readers, _details(asked))


def _audience(asked: str) -> str:
    """Who is to read it, as a plural where it is named so."""
    found = _AUDIENCE.search(asked) or _READERS.search(asked)
    named = found.group(1).strip() if found else ""
    opening = named.split(" ", 1)[0].lower()
    if len(named) < 4 or opening in _NO_READERS:
        return "readers"
    return named


@lru_cache(maxsize=256)
def fragments(asked: str, label: str) -> tuple[str, ...]:
    """The items that a message lists under a label (`Features: a; b`), else the parts of its last paragraph."""
    named = re.search(rf"(?im)^[ \t*_#-]*{re.escape(label)}\w*[ \t*_]*[:=][ \t]*(.+)$", asked)
    listed = named.group(1) if named else asked.strip().rsplit("\n\n", 1)[-1]
    listed = re.sub(r"^\s*\w+:\s*", "", listed)
    parts = [part.strip(" -*.\t") for part in re.split(r"[;,\n]|\.\s", listed)]
    return tuple(part for part in parts if 2 < len(part) <= 200)
