"""Lines with one identifier each, and where it stands: in many languages, plain and in disguise."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tests.redact_lines import values

SEED = 20261121
_AROUND = (
    ("", ""), ("", "."), ("Hello, ", " thanks."), ("(", ")"), ("Please note: ", ", and tell nobody else."),
    ("The form was filled in yesterday. ", " is what I gave them"), ("Bonjour, ", " merci"), ("Hallo! ",
    " Danke."),
    ("请看：", "，谢谢"), ("- ", "\n- next point"), ("\"", "\""), ("Привет, ", " спасибо"),
)  # fmt: skip
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_WIDE_DIGITS = {code: code + 0xFEE0 for code in range(0x30, 0x3A)}
_GROUPED = ("PHONE", "CARD", "IBAN", "SSN", "NATIONAL_ID")


@dataclass(frozen=True, slots=True)
class Line:
    """`text[start:end]` is the identifier; `way` is how it is disguised, "plain" where it is not."""

    text: str
    start: int
    end: int
    type: str
    way: str = "plain"


@lru_cache(maxsize=1)
def lines() -> tuple[Line, ...]:
    """All of them, in the same order always."""
    chance = random.Random(SEED)
    return (*_plain(chance), *_secrets(chance), *_disguised(chance))


def _put(chance: random.Random, label: str, value: str, type_: str, way: str = "plain") -> Line:
    before, after = chance.choice(_AROUND)
    head = before + label + ("" if not label or label.endswith("：") else " ")
    return Line(head + value + after, len(head), len(head) + len(value), type_, way)


_MADE: tuple[tuple[str, int, values.Make, tuple[str, ...]], ...] = (
    ("CARD", 90, values.card, ("", "card", "My card number is", "Kreditkarte:", "Visa", "卡号")),
    ("IBAN", 60, values.iban, ("", "IBAN", "IBAN:", "Mein Konto:", "Transfer to")),
    ("SSN", 30, values.ssn, ("", "SSN", "My social security number is", "SSN:")),
    ("JWT", 25, values.jwt, ("", "jwt", "session")),
    ("NATIONAL_ID", 10, values.aadhaar, ("", "Aadhaar")),
)
_LISTED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("EMAIL", values.EMAILS, ("", "write to", "E-Mail:", "contact", "邮箱 ")),
    ("IP", values.IPS, ("", "server", "from", "The host is")),
    (
        "PASSPORT",
        values.PASSPORTS,
        ("Passport:", "My passport number is", "Reisepass Nr.", "pasaporte", "护照号码"),
    ),
)


def _plain(chance: random.Random) -> Iterator[Line]:
    for type_, times, make, labels in _MADE:
        for _ in range(times):
            yield _put(chance, chance.choice(labels), make(chance), type_)
    for type_, found, labels in _LISTED:
        for value in found:
            yield from (_put(chance, label, value, type_) for label in labels)
    for codes, words in values.NATIONAL.values():
        for code in codes:
            yield from (_put(chance, word, code, "NATIONAL_ID") for word in words)
    for number in (number for numbers in values.PHONES.values() for number in numbers):
        two = chance.sample(values.PHONE_WORDS, 2)
        yield from (_put(chance, label, number, "PHONE") for label in two)
        if number.startswith("+"):
            yield _put(chance, "", number, "PHONE")


def _secrets(chance: random.Random) -> Iterator[Line]:
    for make in values.KEYS:
        for label in ("", "use", "key:", "export X="):
            value = make(chance)
            line = _put(chance, label, value, "SECRET")
            yield line
    for pattern, make in values.LABELLED:
        for _ in range(3):
            value = make(chance)
            before = chance.choice(("", "Note: ", "curl -H ", "\n"))
            head = before + pattern.split("{}")[0]
            after = pattern.split("{}")[1] + chance.choice(("", "\n", " and so on"))
            yield Line(head + value + after, len(head), len(head) + len(value), "SECRET")


def disguises(value: str, type_: str) -> Iterator[tuple[str, str]]:
    """A value in the disguises that make sense for its type: how, and the disguised value."""
    middle = len(value) // 2
    yield "zero-width", value[:middle] + "\u200b" + value[middle:]
    yield "joiners", "\u2060".join(value)
    yield "soft hyphen", value[:3] + "\xad" + value[3:]
    yield "full-width", value.translate(_WIDE if type_ == "EMAIL" else _WIDE_DIGITS)
    if type_ in _GROUPED:
        yield "spaced out", " ".join(value.replace(" ", ""))
        yield "arabic", value.translate(_ARABIC)
        yield "devanagari", value.translate(_DEVANAGARI)
        if " " in value or "-" in value:
            sign = " " if " " in value else "-"
            yield "no-break", value.replace(sign, "\xa0")
            yield "thin", value.replace(sign, "\u2009")
            yield "narrow", value.replace(sign, "\u202f")
            yield "line break", value.replace(sign, "\n", 1)
            yield "dashes", value.replace("-", "\u2013")
    if type_ == "IP" and "." in value and ":" not in value:
        yield "arabic", value.translate(_ARABIC)
        yield "defanged", value.replace(".", "[.]")
    if type_ == "EMAIL":
        yield "spaced out", " ".join(value)
        for at, dot in (
            (" [at] ", " [dot] "),
            ("(at)", "(dot)"),
            (" at ", " dot "),
            (" @ ", " . "),
            ("[at]", "."),
            (" (at) ", "."),
        ):
            yield f"spelled {at}{dot}", value.replace("@", at).replace(".", dot)


def _disguised(chance: random.Random) -> Iterator[Line]:
    samples = {
        "CARD": [("card", values.card(chance)) for _ in range(6)] + [("", "4111 1111 1111 1111")],
        "IBAN": [("IBAN", "DE89 3704 0044 0532 0130 00"), ("", "GB29 NWBK 6016 1331 9268 19"), ("",
        "NL91ABNA0417164300")],
        "SSN": [("SSN", "078-05-1120"), ("", "219-09-9999")],
        "EMAIL": [("write to", "john.doe@example.com"), ("", "anna@mail.example.org"), ("E-Mail:",
        "max.muster@firma.de")],
        "IP": [("server", "192.168.1.10"), ("from", "203.0.113.77")],
        "PHONE": [("call", "+44 20 7946 0958"), ("Tel.", "06 12 34 56 78"), ("phone", "(415) 555-2671"),
        ("", "+1 415-555-2671")],
        "NATIONAL_ID": [("CPF", "529.982.247-25"), ("Aadhaar", "2341 2341 2346"), ("DNI", "12345678Z"),
        ("PESEL", "44051401359"),
                        ("NHS number", "943 476 5919"), ("SIN", "046 454 286")],
        "SECRET": [("key", "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"), ("", "sk-proj-" + "Ab3" * 16)],
        "JWT": [("", values.jwt(chance))],
    }  # fmt: skip
    for type_, found in samples.items():
        for label, value in found:
            for way, disguised in disguises(value, type_):
                yield _put(chance, label, disguised, type_, way)
