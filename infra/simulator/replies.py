"""Answers to plain requests that need no model: capitals, a few phrases in other languages, short poems."""

import re

_CAPITALS = {
    "france": "Paris", "germany": "Berlin", "italy": "Rome", "spain": "Madrid", "portugal": "Lisbon",
    "the netherlands": "Amsterdam", "belgium": "Brussels", "austria": "Vienna", "switzerland": "Bern",
    "poland": "Warsaw", "czechia": "Prague", "hungary": "Budapest", "greece": "Athens", "ireland": "Dublin",
    "the united kingdom": "London", "england": "London", "scotland": "Edinburgh", "wales": "Cardiff",
    "norway": "Oslo", "sweden": "Stockholm", "finland": "Helsinki", "denmark": "Copenhagen", "iceland": "Reykjavik",
    "ukraine": "Kyiv", "turkey": "Ankara", "romania": "Bucharest", "croatia": "Zagreb",
    "the united states": "Washington, D.C.", "canada": "Ottawa", "mexico": "Mexico City", "brazil": "Brasília",
    "argentina": "Buenos Aires", "chile": "Santiago", "peru": "Lima", "colombia": "Bogotá", "japan": "Tokyo",
    "china": "Beijing", "south korea": "Seoul", "india": "New Delhi", "thailand": "Bangkok", "vietnam": "Hanoi",
    "indonesia": "Jakarta", "australia": "Canberra", "new zealand": "Wellington", "egypt": "Cairo",
    "kenya": "Nairobi", "nigeria": "Abuja", "morocco": "Rabat", "ghana": "Accra", "ethiopia": "Addis Ababa",
}  # fmt: skip
_OTHER_NAMES = {
    "uk": "the united kingdom", "u.k": "the united kingdom", "great britain": "the united kingdom",
    "us": "the united states", "usa": "the united states", "u.s": "the united states",
    "united states of america": "the united states", "america": "the united states", "holland": "the netherlands",
    "united kingdom": "the united kingdom", "united states": "the united states", "netherlands": "the netherlands",
    "czech republic": "czechia", "türkiye": "turkey",
}  # fmt: skip
_CAPITAL = re.compile(
    r"\bcapital(?: city)? of (?:the )?([^\W\d_][\w. ]{1,30}?)(?=[.]?(?:\s*[?!,;\n]|\s*$|\.\s|\s+(?:in|is|and|with)\b))"
    r"|\b([^\W\d_]{3,20})(?:'s|’s) capital\b",
    re.I,
)
_LONGER = re.compile(
    r"\b(?:write|draft|article|essay|describe|history|about|guide|words|tips|why|how)\b", re.I
)
_PHRASES = {
    "hello": {"french": "Bonjour", "spanish": "Hola", "german": "Hallo", "italian": "Ciao", "portuguese": "Olá"},
    "good morning": {
        "french": "Bonjour", "spanish": "Buenos días", "german": "Guten Morgen", "italian": "Buongiorno",
        "portuguese": "Bom dia",
    },
    "good night": {
        "french": "Bonne nuit", "spanish": "Buenas noches", "german": "Gute Nacht", "italian": "Buonanotte",
        "portuguese": "Boa noite",
    },
    "thank you": {
        "french": "Merci", "spanish": "Gracias", "german": "Danke", "italian": "Grazie", "portuguese": "Obrigado",
    },
    "goodbye": {
        "french": "Au revoir", "spanish": "Adiós", "german": "Auf Wiedersehen", "italian": "Arrivederci",
        "portuguese": "Adeus",
    },
    "please": {
        "french": "S'il vous plaît", "spanish": "Por favor", "german": "Bitte", "italian": "Per favore",
        "portuguese": "Por favor",
    },
    "yes": {"french": "Oui", "spanish": "Sí", "german": "Ja", "italian": "Sì", "portuguese": "Sim"},
    "no": {"french": "Non", "spanish": "No", "german": "Nein", "italian": "No", "portuguese": "Não"},
    "how are you": {
        "french": "Comment allez-vous ?", "spanish": "¿Cómo estás?", "german": "Wie geht es Ihnen?",
        "italian": "Come stai?", "portuguese": "Como está?",
    },
    "i love you": {
        "french": "Je t'aime", "spanish": "Te quiero", "german": "Ich liebe dich", "italian": "Ti amo",
        "portuguese": "Eu te amo",
    },
}  # fmt: skip
_SAME = {"hi": "hello", "thanks": "thank you", "bye": "goodbye", "good evening": "good night"}
_TRANSLATE = re.compile(
    r"\btranslate\b\s*(.*?)\s*\b(?:in)?to\s+([a-z]{4,12})\b\s*:?\s*(.*)|"
    r"\b(?:how (?:do|would) (?:you|i|we) say|what is)\s+(.+?)\s+in\s+(french|spanish|german|italian|portuguese)\b",
    re.I | re.S,
)
_THANKS = re.compile(r"^\W*(?:many )?(?:thanks?|thank you|thx)\b.{0,24}$", re.I)
_LIVE = re.compile(
    r"^\W*(?:what(?:'s|’s| is)|tell me|how is)\s+(the (?:weather|temperature|time|date|news|price of)\b[^?!.\n]{0,60})",
    re.I,
)
_POEM = re.compile(r"\b(?:haiku|poem|limerick|verse|rhyme)\b", re.I)
_TERSE = re.compile(r"\b(?:only|just|nothing else|(?:one|single) word)\b", re.I)


def plain(asked: str) -> str | None:
    """The answer to a short request of a kind that is known here, or None."""
    if len(asked) > 400:
        return None
    if _THANKS.match(asked):
        return "You're welcome!"
    live = _LIVE.search(asked)
    if live:
        return f"This is a simulated model: it has no live data, so it cannot tell {' '.join(live.group(1).split())}."
    return _capital(asked) or _translated(asked)


def _capital(asked: str) -> str | None:
    found = _CAPITAL.search(asked)
    if not found or _LONGER.search(asked):
        return None
    named = " ".join((found.group(1) or found.group(2)).lower().rstrip(".").split())
    country = _OTHER_NAMES.get(named, named)
    city = _CAPITALS.get(country)
    if city is None:
        shown = named.title()
        return (
            f"This is a simulated model: it knows some fifty capitals, and that of {shown} is not among them."
        )
    if _TERSE.search(asked):
        return city
    shown = " ".join(word if word == "the" else word.capitalize() for word in country.split())
    return f"The capital of {shown} is {city}."


def _translated(asked: str) -> str | None:
    found = _TRANSLATE.search(asked)
    if not found:
        return None
    before, language, after, said, other = found.groups()
    text = said if said is not None else (after if len(after) > 1 else before)
    tongue = (language or other).lower()
    key = re.sub(r"^(?:the (?:phrase|word|sentence|following)|this)\s*:?", "", text.strip(), flags=re.I)
    key = re.sub(r"[^\w ']", "", key).strip().lower()
    known = _PHRASES.get(_SAME.get(key, key), {}).get(tongue)
    if known:
        return known
    if said is not None and not key:
        return None
    quoted = text.strip(" .!?:'\"")[:80]
    shown = f"\u201c{quoted}\u201d" if key else "that"
    return (
        f"This is a simulated model: it cannot translate {shown} into {tongue.capitalize()};"
        " only a few common phrases are known here."
    )


def poem(asked: str) -> bool:
    """True where a short message asks for a poem."""
    return len(asked) < 400 and _POEM.search(asked) is not None


def verses(noun: str, details: tuple[str, ...], seed: int) -> str:
    """Three short lines about a noun."""
    first = details[seed % len(details)]
    second = details[(seed // 7 + 1) % len(details)]
    openings = (f"Look again: {noun}", f"Once more, {noun}", f"Morning light on {noun}")
    middles = (
        f"close by, a thought of {first}",
        f"{first} in the falling light",
        f"a word about {first}",
    )
    ends = (f"then only {second}", f"and after that, {second}", f"nothing but {second}")
    lines = (openings[seed % 3], middles[seed // 3 % 3], ends[seed // 9 % 3])
    return ",\n".join(line[:1].upper() + line[1:] for line in lines) + "."
