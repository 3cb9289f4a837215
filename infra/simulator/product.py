"""Reads a product out of loose notes and writes the fields of its page.

Nothing is invented: name, category and features are the notes' own words; what is added is about no fact.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

BENEFITS = (
    "Easy to live with every day",
    "Simple to look after",
    "Ready to use from the first day",
    "A choice that keeps its worth",
)
HEADLINES = ("{T}: Made to Be Used", "{T}, Simply Done Well", "{T}, Ready for Every Day")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]")
_ENGLISH = frozenset({"a", "an", "the", "our", "this", "my"})
_ARTICLE = re.compile(
    r"^(?:(?:this|it) is |we (?:sell|offer|make) |meet |introducing )?"
    r"(a|an|the|our|my|ein|eine|einen|der|die|das|un|une|uno|una|unos|el|la|los|las|le|les|il|lo|gli|de|het|een)\s+"
    r"(?=\S)|^l['’]",
    re.I,
)
_LABEL = re.compile(
    r"^[\s>*_#\-•]*(?:brief|product(?: name| brief)?|notes|name|item|title|features?|benefits?|description|produkt"
    r"|produit|producto)[\s*_]*[:=：]\s*[*_]*",
    re.I,
)
_PART = re.compile(r"[\n;。、；•]|[,，](?!\d)|\.(?:\s|$)|[!?！？]|\s[-–—|]\s")
_MEASURE = re.compile(
    r"(?<![\w.])\d+(?:[.,]\d+)?(?:\s?[x×]\s?\d+(?:[.,]\d+)?)*[\s-]?"
    r"(?:ml|cl|dl|l|litres?|liters?|oz|kg|mg|g|grams?|lbs?|mm|cm|m|km|inch(?:es)?|in|ft|w|kw|wh|kwh|v|mah|gb|tb|mb|hz"
    r"|watts?|hours?|h|min|years?|°\s?[cf]|%|€|\$)(?![A-Za-z])",
    re.I,
)
_REST = re.compile(r"\s+(?:(?:with|mit|avec|con|featuring|has|holding)|(that|which|for|holds|made))\s+", re.I)
_OF = frozenset("of from in aus mit de en di da du von for with to by".split())
_SMALL = _OF | {"a", "an", "the", "and", "or", "on", "at", "et", "und", "y"}
_FIELDS = re.compile(r"(?im)^[ \t]*(features|benefits):[ \t]*(.+)$")
_PAGE = re.compile(r"(?im)\bproduct (?:page|copy|description) for (.+) \(([^()\n]+)\)\.?[ \t]*$")
_BRIEF = re.compile(
    r"(?im)^[ \t*_#]*(?:product )?(?:brief|product(?: name)?|notes|item|details)[*_]*:[ \t]*(?=\S)"
)
_TASK = re.compile(
    r"(?is)^.{0,80}?\b(?:description|copy|page|facts)\b(?:\s+\w+){0,3}?\s+(?:for|of|about|on)\s+(?:this product:?\s*)?"
)
_AUDIENCE = re.compile(r"(?im)^[ \t]*audience:[ \t]*([^\n]{3,60}?)[ \t.]*$")
_MATERIALS = frozenset(
    """titanium steel iron aluminium aluminum copper brass wool cotton linen silk leather oak walnut bamboo wood wooden
    ceramic porcelain glass stoneware clay cork plastic rubber canvas denim cashmere merino gold silver marble paper
    gusseisen edelstahl holz fonte acier bois""".split()
)
_IN_ENGLISH = {"gusseisen": "cast iron", "edelstahl": "stainless steel", "holz": "wood", "fonte": "cast iron",
               "acier": "steel", "bois": "wood"}  # fmt: skip
_COLOURS = frozenset(
    "red blue green yellow orange purple pink black white grey gray brown silver golden".split()
)
_CATEGORIES = {
    "Drinkware": "mug cup bottle tumbler flask glass thermos becher tasse",
    "Teaware": "teapot kettle teacup teekanne théière tetera 茶壺",
    "Cookware": "pan pot skillet wok casserole pfanne",
    "Furniture": "chair table desk sofa stool shelf bed bench stuhl tisch",
    "Lighting": "lamp lantern light torch candle lampe",
    "Bags": "bag backpack rucksack tote wallet purse suitcase",
    "Footwear": "shoe shoes boot boots sandals sneakers trainers",
    "Clothing": "shirt jacket coat hat scarf socks sweater jumper trousers gloves dress",
    "Audio": "headphones earbuds speaker headset microphone",
    "Electronics": "phone laptop tablet camera charger keyboard monitor drone",
    "Watches": "watch clock",
    "Cycling": "bicycle bike helmet ebike",
    "Outdoor Gear": "tent stove hammock compass",
    "Stationery": "notebook pen pencil planner journal",
    "Bedding": "pillow blanket duvet mattress sheets",
    "Tools": "drill hammer saw knife screwdriver multitool",
    "Software": "app software platform service saas",
}
_CATEGORY = {word: name for name, words in _CATEGORIES.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Product:
    """What the notes say: features and benefits are distinct; `english` is about the name's own language."""

    name: str
    category: str
    features: tuple[str, ...]
    benefits: tuple[str, ...]
    readers: str
    english: bool

    def fill(self, template: str) -> str:
        """A template with the name in it."""
        return template.replace("{the}", "the " if self.english else "").replace("{T}", self.name)

    def listed(self, key: str) -> tuple[str, ...]:
        """What belongs in a list of that name, or nothing."""
        if key == "benefit":
            return self.benefits
        if key == "bullet":
            return distinct((*self.features, *self.benefits, *BENEFITS))[
                : max(3, min(6, len(self.features) + 1))
            ]
        return self.features

    def pitch(self) -> str:
        """Two paragraphs that name the product and its first features."""
        chosen = (
            "" if self.readers in {"readers", "online shoppers"} else f", chosen with {self.readers} in mind"
        )
        told = [_within(part) for part in self.features if len(part) < 80 and part != self.name][:5]
        named = _joined(told) if told else f"it is {self.fill('{the}{T}')}, no more and no less"
        benefits = _joined([_within(benefit) for benefit in self.benefits[:2]])
        return (
            f"{self.fill('Meet {the}{T}')}{chosen}. Made for daily use, with nothing that gets in the way.\n\n"
            f"What there is to know: {named}. What that means in use: {benefits}."
        )

    def meta(self) -> str:
        """One short sentence for a search result, of up to 160 characters."""
        told = [_within(part) for part in self.features if len(part) < 50 and part != self.name][:3]
        text = f"Discover {self.fill('{the}{T}')}{f': {_joined(told)}' if told else ', made for every day'}."
        return text if len(text) <= 160 else f"{text[:156].rsplit(' ', 1)[0].rstrip(' ,:')}."

    def seo(self) -> str:
        """Name and category for a page title of up to 60 characters where they fit."""
        text = f"{self.name} | {self.category}"
        return text if len(text) <= 60 else self.name[:60].rstrip()


def distinct(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts in order, each once whatever its case."""
    return tuple({part.casefold(): part for part in reversed(parts)}[key] for key in _keys(parts))


def _keys(parts: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(part.casefold() for part in parts))


@lru_cache(maxsize=256)
def read(asked: str) -> Product:
    """The product of a message: a page's fields where it lists them, else its notes."""
    # Python takes some control characters for spaces in one place and not in another.
    asked = _CONTROLS.sub(" ", asked[:12_000])
    fields = {label.lower(): _items(text) for label, text in _FIELDS.findall(asked)}
    readers = (_AUDIENCE.search(asked) or [None, "readers"])[1] or "readers"
    benefits = distinct(fields.get("benefits", ()) or BENEFITS[:3])[:12]
    page = _PAGE.search(asked)
    if page:
        name, english = _bare(page.group(1).strip())
        features = fields.get("features", ())
        return Product(
            name, page.group(2).strip(), features or (name,), benefits, readers, english or name.isascii()
        )
    name, features, english = _notes(asked)
    if not any(letter.isalnum() for letter in name):
        name = "product"
    features = tuple(each for each in distinct((*features, *fields.get("features", ()))) if each.strip())
    if not features:
        features = _made(name)
    return Product(_titled(name), category(name) or "Product", features[:12], benefits, readers, english)


def _items(text: str) -> tuple[str, ...]:
    parts = re.split(r";" if ";" in text else r",(?!\d)", text)
    return distinct(tuple(_capital(part.strip(" -*.\t"))[:200] for part in parts if part.strip()))


def _notes(asked: str) -> tuple[str, tuple[str, ...], bool]:
    """Name, features and whether the name is English, out of notes in any form."""
    brief = _BRIEF.search(asked)
    text = asked[brief.end() :] if brief else _TASK.sub("", asked.strip(), count=1)
    text = _FIELDS.sub("", text)
    parts = [_LABEL.sub("", part or "").strip(" \t-*_#>\"'.:") for part in _PART.split(text)]
    parts = [part for part in parts if part][:40]
    name, english = _bare(parts[0] if parts else "product")
    features: list[str] = []
    cut = _REST.search(name)
    if cut:
        rest = name[cut.end() :]
        features.append(
            _bare(rest)[0] if not cut.group(1) else f"{cut.group(1)} {rest}".removeprefix("that ")
        )
        name = name[: cut.start()]
    measured = [found.group(0).strip() for found in _MEASURE.finditer(name)]
    left = " ".join(_MEASURE.sub(" ", name).split())
    if left:
        features = [*measured, *features]
        name = left
    words = name.split()
    if len(words) > 8:
        features.append(name)
        name = " ".join(words[:6])
    features += [_bare(re.sub(r"^(?:and|und|et|y)\s+", "", part, flags=re.I))[0] for part in parts[1:]]
    kept = tuple(
        _capital(part)[:200] for part in features if len(part) > 1 and part.casefold() != name.casefold()
    )
    return name[:120], distinct(kept), english


def _bare(text: str) -> tuple[str, bool]:
    """The text without its article, and whether it reads as English."""
    found = _ARTICLE.match(text)
    if not found:
        return text, text.isascii()
    return text[found.end() :].strip() or text, (found.group(1) or "").lower() in _ENGLISH


def _made(name: str) -> tuple[str, ...]:
    """Features that a name holds: its material and what else qualifies it."""
    words = name.split()
    made = [word for word in words if word.lower() in _MATERIALS]
    told = [f"Made of {' '.join(_material(words, word) for word in made[:1])}"] if made else []
    told += [f"{_capital(word)} finish" for word in words[:-1] if word.lower() in _COLOURS]
    return distinct(tuple(told)) or (_titled(name),)


def _material(words: list[str], word: str) -> str:
    at = words.index(word)
    if word.lower() in _IN_ENGLISH:
        return _IN_ENGLISH[word.lower()]
    return f"cast {word.lower()}" if at and words[at - 1].lower() == "cast" else word.lower()


def category(name: str) -> str:
    """A shop's shelf for the name: by its head noun, else that noun itself."""
    words = [word.strip("()'\"").lower() for word in name.split()]
    head = words
    for at, word in enumerate(words):
        if at and word in _OF:
            head = words[:at]
            break
    for word in [*reversed(head), *words]:
        for form in (word, word.removesuffix("s")):
            if form in _CATEGORY:
                return _CATEGORY[form]
    wide = head and not head[0].isascii() and len(head) > 1
    return _capital((head[0] if wide else head[-1]) if head else "product")


def _titled(name: str) -> str:
    return " ".join(
        word if word != word.lower() or (at and word in _SMALL) else _capital(word)
        for at, word in enumerate(name.split())
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _within(text: str) -> str:
    """As it stands inside a sentence: small, but for names and abbreviations."""
    first = text.split(" ", 1)[0]
    return (
        text
        if first[1:] != first[1:].lower() or re.match(r"\S*\d|\S+ \d", text)
        else text[:1].lower() + text[1:]
    )


def _joined(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
