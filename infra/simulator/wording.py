"""Words and numbers for a named field, taken from the conversation where it holds them, else made on its
subject."""

import re
from typing import Any

from infra.simulator import brief, intent, phrases, product, prose
from infra.simulator.answer import Turn

_PROPER = re.compile(r"\b[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+){0,3}")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_URL = re.compile(r"https?://[^\s\"'<>)\]]+")
_QUOTE = re.compile(r"[\"“'`]([^\"”'`]{1,80})[\"”'`]")
_NOT_NAMES = frozenset(
    """The A An What Who How Why When Where Which Is Are Was Were Do Does Did Can Could Please Extract Write
    Give Tell Find Get Return Reply Answer Use Call Say List Make Create Explain Describe Summarise Summarize
    Research Draft Polish I It This That These Those In On At For And Or But If My Your Our Today Tomorrow
    JSON Brief Topic Record Look Show Count Book Send Add Delete Search Compare Check Convert Name Title
    Product Plan Let Now Then You He She They We""".split()
)
_LONG_KEYS = frozenset(
    {"text", "body", "content", "article", "markdown", "draft", "document", "html", "story", "essay"}
)
_TITLE_KEYS = frozenset({"title", "headline", "heading", "subject", "caption"})
_TOPIC_KEYS = frozenset(
    {
        "topic",
        "query",
        "q",
        "keyword",
        "keywords",
        "search",
        "search_query",
        "tag",
        "theme",
        "question",
        "term",
    }
)
_PLACE_KEYS = frozenset(
    {"city", "location", "place", "country", "town", "region", "destination", "origin", "address"}
)
_NAME_KEYS = frozenset(
    {
        "name",
        "person",
        "author",
        "full_name",
        "first_name",
        "last_name",
        "user",
        "customer",
        "company",
        "owner",
    }
)
_CODES = {"language": "en", "lang": "en", "locale": "en", "currency": "USD", "date": "2026-11-21"}
_LISTED_KEYS = frozenset({"feature", "benefit", "bullet", "highlight", "ingredient", "specification", "spec"})
_LINK_KEYS = frozenset({"link", "href", "source", "sources", "uri"})
_ID_KEYS = frozenset({"id", "slug", "key", "code", "sku"})
_QUOTED_KEYS = frozenset({"path", "file", "filename", "value", "input", "message", "label", "phrase", "word"})
_SUMMARY_KEYS = frozenset(
    "summary abstract description meta_description overview conclusion intro introduction answer result reply".split()
)
_FORMATS = {
    "date": "2026-11-21",
    "date-time": "2026-11-21T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "P3D",
    "email": "reader@example.com",
    "idn-email": "reader@example.com",
    "hostname": "example.org",
    "idn-hostname": "example.org",
    "ipv4": "192.0.2.10",
    "ipv6": "2001:db8::10",
    "uuid": "5f1d7a52-3c44-4b7e-9a63-0d2f8f1c6e21",
    "json-pointer": "/part/1",
    "regex": "^[a-z]+$",
    "byte": "c2ltdWxhdGVk",
}


class Wording:
    """One conversation as a source of field values; asked again for the same field it gives the next value.

    `terse` is for a function's arguments: a field that says nothing by its name gets a name or the subject,
    no sentence.
    """

    def __init__(self, turns: tuple[Turn, ...], seed: int, *, terse: bool = False) -> None:
        self.turns = turns
        self.seed = seed
        self.terse = terse
        self.asked = brief.last_user(turns)[:8_000]
        self.pen = prose.Pen(brief.read(turns), seed)
        self._product = product.read(self.asked) if intent.form(turns) == "product" else None
        self._asked_for: dict[str, int] = {}
        self.names = [name for name in self._proper() if name]
        self.numbers = [float(found) for found in _NUMBER.findall(self.asked)]

    def _proper(self) -> list[str]:
        found = []
        for name in _PROPER.findall(self.asked):
            words = name.split()
            while words and words[0] in _NOT_NAMES:
                words.pop(0)
            found.append(" ".join(words))
        return list(dict.fromkeys(found))

    def _turn_of(self, key: str) -> int:
        at = self._asked_for.get(key, 0)
        self._asked_for[key] = at + 1
        return at

    def text(self, key: str, least: int, most: int | None, *, top: bool = False) -> str:
        """A string for the field, cut or padded to the length allowed (code points); a whole document only at
        the `top`."""
        text = self._for_key(key.lower(), top).strip()
        if most is not None and len(text) > most:
            cut = text[:most]
            text = cut.rsplit(" ", 1)[0].rstrip(" ,.;:") if " " in cut and least < most // 2 else cut
        while len(text) < least:
            more = f" {self.pen.pick(phrases.FACETS['case'].sentences)}"
            text = (text + more)[: least if most is None else min(most, max(least, len(text) + len(more)))]
        return text

    def _for_key(self, key: str, top: bool) -> str:
        at = self._turn_of(key)
        for source in (self._sold, self._named, self._addressed, self._listed):
            found = source(key, key.rsplit("_", 1)[-1], at)
            if found is not None:
                return found
        if key in _LONG_KEYS:
            return self._long(at, top)
        if self.terse and key not in _SUMMARY_KEYS:
            named = self.names[self._turn_of("*name") :]
            return named[0] if named else self.pen.brief.subject
        return self._sentence(key)

    def many(self, key: str) -> int:
        """How many items a list of that name has by the message, or 0 where it does not say."""
        return len(self._product.listed(key)) if self._product and key in _LISTED_KEYS else 0

    def _sold(self, key: str, stem: str, at: int) -> str | None:
        """The fields of a product's page."""
        sold = self._product
        if sold is None:
            return None
        if key in _LISTED_KEYS:
            listed = sold.listed(key)
            return listed[at % len(listed)]
        if key in {"headline", "heading", "title", "tagline"}:
            return sold.fill(product.HEADLINES[(self.seed + at) % len(product.HEADLINES)])
        made = {
            "name": sold.name,
            "product": sold.name,
            "product_name": sold.name,
            "category": sold.category,
            "seo_title": sold.seo(),
            "meta_title": sold.seo(),
            "meta_description": sold.meta(),
            "description": sold.pitch(),
            "summary": sold.meta(),
            "audience": sold.readers,
        }
        return made.get(key)

    def _named(self, key: str, stem: str, at: int) -> str | None:
        """Names, places, titles and topics."""
        names = self.names
        if key in _NAME_KEYS or stem in _NAME_KEYS:
            return names[at % len(names)] if names else self.pen.brief.titled
        if key in _PLACE_KEYS or stem in _PLACE_KEYS:
            return names[-1 - at % len(names)] if names else "Lisbon"
        if key in _TITLE_KEYS or stem in _TITLE_KEYS:
            return self._heading(at, whole=key in _TITLE_KEYS or "title" in key)
        if key in _TOPIC_KEYS or stem in _TOPIC_KEYS:
            return self.pen.brief.subject if at == 0 else f"{self.pen.brief.subject}, part {at + 1}"
        return None

    def _addressed(self, key: str, stem: str, at: int) -> str | None:
        """Addresses, ids and codes."""
        if "url" in key or key in _LINK_KEYS:
            found = _URL.findall(self.asked)
            return (
                str(found[at % len(found)])
                if found
                else f"https://example.org/{self.pen.brief.slug}/{at + 1}"
            )
        if "email" in key:
            found = _EMAIL.findall(self.asked)
            return str(found[at % len(found)]) if found else "reader@example.com"
        if key in _ID_KEYS:
            return f"{self.pen.brief.slug}-{at + 1}"
        if key in {"category", "product_category"}:
            return (self.pen.brief.subject.split() or ["product"])[-1].capitalize()
        return _CODES.get(stem)

    def _listed(self, key: str, stem: str, at: int) -> str | None:
        """What the message lists under this name, or stands in quotes."""
        if key in _LISTED_KEYS:
            listed = brief.fragments(self.asked, "feature" if key == "bullet" else key)
            return listed[at % len(listed)] if listed else None
        quoted = _QUOTE.findall(self.asked)
        return str(quoted[at % len(quoted)]) if quoted and key in _QUOTED_KEYS else None

    def _heading(self, at: int, *, whole: bool) -> str:
        if whole and at == 0:
            return prose.title(self.pen)
        facets = list(phrases.FACETS.values())
        return self.pen.fill(facets[at % len(facets)].headings[at // len(facets) % 3])

    def _long(self, at: int, top: bool) -> str:
        form = intent.form(self.turns)
        if top and at == 0 and form in {"article", "rewrite", "merge", "product", "notes", "summary"}:
            return prose.write(self.turns, self.seed)
        facets = list(phrases.FACETS.values())
        return self.pen.paragraph(facets[at % len(facets)].sentences, 4)

    def _sentence(self, key: str) -> str:
        if key in _SUMMARY_KEYS:
            found = intent.arithmetic(self.asked)
            if found and key in {"answer", "result"}:
                return found[1]
            return f"{self.pen.pick(phrases.OPENINGS)} {self.pen.pick(phrases.PROMISES)}"
        if key in {"claim", "fact", "finding", "evidence", "note", "quote", "statement"}:
            return self.pen.pick(phrases.FINDINGS)
        banks = [facet.points for facet in phrases.FACETS.values()]
        return self.pen.pick(banks[self._turn_of("*") % len(banks)])

    def choice(self, options: list[Any]) -> Any:
        """The option that the conversation names, else one fixed by the seed."""
        lowered = self.asked.lower()
        for option in options:
            if isinstance(option, str) and option and re.search(rf"\b{re.escape(option.lower())}\b", lowered):
                return option
        return options[self.seed % len(options)]

    def flag(self, key: str) -> bool:
        """True, but for fields whose name reports a fault."""
        return not re.search(r"error|fail|refus|missing|unsafe|harm|invalid|denied|deleted", key.lower())

    def number(self, key: str, low: float | None, high: float | None, *, whole: bool) -> float | int:
        """A number in range: one that the conversation holds where it fits, else a plausible one for the
        name."""
        found = intent.arithmetic(self.asked)
        if found and re.search(r"answer|result|value|total|sum|product", key.lower()):
            candidates = [float(found[1])]
        else:
            candidates = self.numbers[self._turn_of("#") :] or self.numbers
        for number in candidates:
            if (
                (low is None or number >= low)
                and (high is None or number <= high)
                and (not whole or number.is_integer())
            ):
                return int(number) if number.is_integer() else number
        if low is not None and high is not None:
            wished = low + (high - low) * 0.8
        elif re.search(r"confidence|probability|ratio|score", key.lower()):
            wished = 0.8 if not whole else 8
        elif "year" in key.lower():
            wished = 2026
        else:
            wished = 3 if low is None else low + 2
        if high is not None:
            wished = min(wished, high)
        return round(wished) if whole or float(wished).is_integer() else round(float(wished), 2)

    def formatted(self, form: str, key: str) -> str | None:
        """A string of a named format, or None for a format that says nothing about the text."""
        if form in {"email", "idn-email"}:
            return next(iter(_EMAIL.findall(self.asked)), _FORMATS[form])
        if form in {"uri", "url", "iri", "uri-reference"}:
            return next(iter(_URL.findall(self.asked)), f"https://example.org/{self.pen.brief.slug}")
        return _FORMATS.get(form)
