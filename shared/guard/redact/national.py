"""Which letters and digits are a person's number in some country: by shape, check digits and dates.

Each rule names its country, and says what may stand without a word that tells what it is: nothing, certain shapes, or
all where a random number passes less than about once in a hundred.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from shared.guard.redact.checksums import born, dated, luhn, mod11_10, varied, verhoeff, weighted


class Rule(NamedTuple):
    """`holds` gets the number in capitals without separators; `bare` is what its spelling must match where no word
    says what it is, None: a word must."""

    country: str
    holds: Callable[[str], bool]
    bare: re.Pattern[str] | None


_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_CF_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8,
        12, 14, 16, 10, 22,
         25, 24, 23),
        strict=True,
    )
)  # fmt: skip
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def _es(code: str) -> bool:
    body = code[:-1].translate({88: "0", 89: "1", 90: "2"})
    return body.isdigit() and code[-1] == _DNI[int(body) % 23]


def _it(code: str) -> bool:
    if not re.fullmatch(r"[A-Z]{6}[\dL-V]{2}[A-EHLMPRST][\dL-V]{2}[A-Z][\dL-V]{3}[A-Z]", code):
        return False
    odd = sum(_CF_ODD[sign] for sign in code[0:15:2])
    even = sum(int(sign) if sign.isdigit() else ord(sign) - 65 for sign in code[1:15:2])
    return (odd + even) % 26 == ord(code[15]) - 65


def _fr(code: str) -> bool:
    body = code[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and code[0] in "123478" and int(code[-2:]) == 97 - int(body) % 97


def _de(code: str) -> bool:
    counts = [code[:10].count(digit) for digit in set(code[:10])]
    return code[0] != "0" and 2 <= max(counts) <= 3 and mod11_10(code)


def _nl(code: str) -> bool:
    return varied(code) and (weighted(code, (9, 8, 7, 6, 5, 4, 3, 2)) - int(code[8])) % 11 == 0


def _be(code: str) -> bool:
    body, check = int(code[:9]), int(code[9:])
    month = int(code[2:4]) % 20
    return (
        month <= 12 and int(code[4:6]) <= 31 and check in {97 - body % 97, 97 - (2_000_000_000 + body) % 97}
    )


def _pl(code: str) -> bool:
    month = int(code[2:4]) % 20
    total = weighted(code, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    return born(code[:2], str(month), code[4:6]) and total % 10 == 0


def _se(code: str) -> bool:
    code = code[-10:]
    day = int(code[4:6])
    return born(code[:2], code[2:4], str(day - 60 if day > 60 else day)) and luhn(code)


def _no(code: str) -> bool:
    day, month = int(code[:2]), int(code[2:4])
    first = weighted(code, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1))
    second = weighted(code, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
    return born(code[4:6], str(month % 40), str(day % 40)) and first % 11 == 0 and second % 11 == 0


def _dk(code: str) -> bool:
    return born(code[4:6], code[2:4], code[:2])


def _fi(code: str) -> bool:
    digits = code[:6] + code[-4:-1]
    return born(code[4:6], code[2:4], code[:2]) and _HETU[int(digits) % 31] == code[-1]


def _pt(code: str) -> bool:
    check = 11 - weighted(code, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return code[0] in "1235689" and int(code[8]) == (0 if check > 9 else check)


def _nino(code: str) -> bool:
    prefix = code[:2]
    return (
        not set(prefix) & set("DFIQUV")
        and prefix[1] != "O"
        and prefix not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}
        and code[-1] in "ABCD"
    ) or prefix == "QQ"


def _nhs(code: str) -> bool:
    check = (11 - weighted(code, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11
    return varied(code) and check == int(code[9])


def _ie(code: str) -> bool:
    total = weighted(code, (8, 7, 6, 5, 4, 3, 2))
    if len(code) > 8 and code[8] != "W":
        total += 9 * (ord(code[8]) - 64)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == code[7]


def _ean(code: str) -> bool:
    return weighted(code, (1, 3) * 6 + (1,)) % 10 == 0


def _ch(code: str) -> bool:
    return code.startswith("756") and _ean(code)


def _at(code: str) -> bool:
    check = weighted(code, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11
    return code[0] != "0" and check == int(code[3]) and 1 <= int(code[4:6]) <= 31


def _cz(code: str) -> bool:
    month = int(code[2:4]) % 50
    month = month - 20 if month > 20 else month
    return born(code[:2], str(month), code[4:6]) and (int(code) % 11 == 0 or int(code[:9]) % 11 == 10)


def _ro(code: str) -> bool:
    check = weighted(code, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (
        code[0] != "0"
        and born(code[1:3], code[3:5], code[5:7])
        and int(code[12]) == (1 if check == 10 else check)
    )


def _bg(code: str) -> bool:
    month = int(code[2:4])
    month -= 40 if month > 40 else 20 if month > 20 else 0
    return born(code[:2], str(month), code[4:6]) and weighted(
        code, (2, 4, 8, 5, 10, 9, 7, 3, 6)
    ) % 11 % 10 == int(code[9])


def _gr(code: str) -> bool:
    return varied(code) and weighted(code, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(code[8])


def _amka(code: str) -> bool:
    return born(code[4:6], code[2:4], code[:2]) and luhn(code)


def _tr(code: str) -> bool:
    odd, even = sum(map(int, code[0:9:2])), sum(map(int, code[1:8:2]))
    return (
        code[0] != "0"
        and (odd * 7 - even) % 10 == int(code[9])
        and sum(map(int, code[:10])) % 10 == int(code[10])
    )


def _cpf(code: str) -> bool:
    first = weighted(code, tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = weighted(code, tuple(range(11, 1, -1))) * 10 % 11 % 10
    return varied(code) and first == int(code[9]) and second == int(code[10])


def _cnpj(code: str) -> bool:
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first, second = weighted(code, weights[1:]) % 11, weighted(code, weights) % 11
    return (
        varied(code)
        and int(code[12]) == (11 - first if first > 1 else 0)
        and int(code[13]) == (11 - second if second > 1 else 0)
    )


def _curp(code: str) -> bool:
    if code[10] not in "HMX" or not born(code[4:6], code[6:8], code[8:10]):
        return False
    letters = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"
    total = sum(letters.index(sign) * (18 - place) for place, sign in enumerate(code[:17]))
    return (10 - total % 10) % 10 == int(code[17])


def _rfc(code: str) -> bool:
    return born(code[-9:-7], code[-7:-5], code[-5:-3])


def _cuit(code: str) -> bool:
    check = 11 - weighted(code, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return code[:2] in {"20", "23", "24", "25", "26", "27", "30", "33", "34"} and int(code[10]) == check % 11


def _rut(code: str) -> bool:
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(code[:-1])))
    return code[-1] == "0123456789K"[(11 - total % 11) % 11] and code[0] != "0"


def _nit(code: str) -> bool:
    check = weighted(code, (41, 37, 29, 23, 19, 17, 13, 7, 3)) % 11
    return int(code[9]) == (11 - check if check > 1 else check)


def _aadhaar(code: str) -> bool:
    return code[0] not in "01" and verhoeff(code)


def _pan(code: str) -> bool:
    return code[3] in "ABCFGHLJPTKE"


def _sg(code: str) -> bool:
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    table = {
        "S": "JZIHGFEDCBA",
        "T": "JZIHGFEDCBA",
        "F": "XWUTRQPNMLK",
        "G": "XWUTRQPNMLK",
        "M": "XWUTRQPNJLK",
    }.get(code[0])
    return table is not None and code[8] == table[10 - total % 11 if code[0] == "M" else total % 11]


def _kr(code: str) -> bool:
    check = (11 - weighted(code, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    # Since October 2020 the last six digits are random.
    return (
        born(code[:2], code[2:4], code[4:6])
        and code[6] in "12345678"
        and (check == int(code[12]) or int(code[:2]) >= 20)
    )


def _jp(code: str) -> bool:
    rest = weighted(code, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(code[11]) == (0 if rest <= 1 else 11 - rest)


def _cn(code: str) -> bool:
    total = weighted(code[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return (
        dated(int(code[6:10]) or 1, int(code[10:12]), int(code[12:14]))
        and code[17] == "10X98765432"[total % 11]
    )


def _hk(code: str) -> bool:
    values = [36] * (9 - len(code)) + [ord(sign) - 55 if sign.isalpha() else int(sign) for sign in code]
    values[-1] = 10 if code[-1] == "A" else values[-1]
    return sum(value * (9 - place) for place, value in enumerate(values)) % 11 == 0


def _tw(code: str) -> bool:
    first = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0]) + 10
    return (
        code[1] in "1289"
        and (first // 10 + first % 10 * 9 + weighted(code[1:], (8, 7, 6, 5, 4, 3, 2, 1, 1))) % 10 == 0
    )


def _th(code: str) -> bool:
    return code[0] in "12345678" and (11 - weighted(code, tuple(range(13, 1, -1))) % 11) % 10 == int(code[12])


def _tfn(code: str) -> bool:
    return varied(code) and weighted(code, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _medicare(code: str) -> bool:
    return code[0] in "23456" and weighted(code, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(code[8])


def _ird(code: str) -> bool:
    body = code.rjust(9, "0")
    check = -weighted(body, (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:
        check = -weighted(body, (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return check == int(body[8]) and 10_000_000 < int(code) < 150_000_000


def _za(code: str) -> bool:
    return born(code[:2], code[2:4], code[4:6]) and code[10] in "012" and luhn(code)


def _il(code: str) -> bool:
    return varied(code) and luhn(code[::-1][::-1])


def _sin(code: str) -> bool:
    return code[0] != "8" and varied(code) and luhn(code)


def _inn(code: str) -> bool:
    first = weighted(code, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighted(code, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return first == int(code[10]) and second == int(code[11])


def _nip(code: str) -> bool:
    return weighted(code, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(code[9])


def _always(code: str) -> bool:
    return varied(code)


_UNCHECKED = re.compile(r"\d{7,10}|\d{1,3}(?:\.\d{3}){2,3}")
"""How numbers are written that have no check."""
_ANY = re.compile(r".*", re.DOTALL)
_BARE = {name: re.compile(shape) for name, shape in {
    "cpf": r"\d{3}\.\d{3}\.\d{3}-\d\d", "cnpj": r"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d",
    "se": r"(?:\d\d)?\d{6}[-+]\d{4}",
    "dk": r"\d{6}-\d{4}", "cz": r"\d{6}/\d{3,4}", "rut": r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]",
    "be": r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d",
    "cuit": r"\d\d-\d{8}-\d", "dash": r"[\d.]+-\d", "four": r"\d{4}[ -]\d{4}[ -]\d{4}",
    "th": r"\d-\d{4}-\d{5}-\d\d-\d",
    "hk": r"[A-Z]{1,2}\d{6}\([\dA]\)", "kr": r"\d{6}-\d{7}", "no": r"\d{6} \d{5}|\d{11}",
    "fr": r"[\d AB]+", "nhs": r"\d{3} \d{3} \d{4}",
}.items()}  # fmt: skip

RULES: dict[str, tuple[Rule, ...]] = {}
"""By skeleton: the number with 9 for each digit and A for each letter."""


def _add(country: str, skeletons: str, holds: Callable[[str], bool], bare: str | None = None) -> None:
    pattern = None if bare is None else _ANY if bare == "any" else _BARE[bare]
    for skeleton in skeletons.split():
        RULES[skeleton] = (*RULES.get(skeleton, ()), Rule(country, holds, pattern))


def _nine(*sizes: int) -> str:
    return " ".join("9" * size for size in sizes)


_add("ES", "99999999A A9999999A", _es, "any")
_add("IT", "AAAAAA99A99A999A", _it, "any")
_add("FR", "999999999999999 999999A99999999", _fr, "fr")
_add("DE", _nine(11), _de)
_add("NL", _nine(9), _nl)
_add("BE", _nine(11), _be, "be")
_add("PL", _nine(11), _pl, "no")
_add("PL", _nine(10), _nip)
_add("SE", _nine(10, 12), _se, "se")
_add("NO", _nine(11), _no, "no")
_add("DK", _nine(10), _dk, "dk")
_add("FI", "999999A999A 999999A9999 9999999999 999999999A", _fi, "any")
_add("PT", _nine(9), _pt)
_add("GB", "AA999999A", _nino, "any")
_add("GB", _nine(10), _nhs, "nhs")
_add("IE", "9999999A 9999999AA", _ie, "any")
_add("CH", _nine(13), _ch, "any")
_add("AT", _nine(10), _at)
_add("CZ", _nine(10), _cz, "cz")
_add("CZ", _nine(9), lambda code: born(code[:2], str(int(code[2:4]) % 50), code[4:6]), "cz")
_add("RO", _nine(13), _ro, "any")
_add("BG", _nine(10), _bg)
_add("GR", _nine(9), _gr)
_add("GR", _nine(11), _amka, "no")
_add("TR", _nine(11), _tr, "no")
_add("BR", _nine(11), _cpf, "cpf")
_add("BR", _nine(14), _cnpj, "cnpj")
_add("MX", "AAAA999999AAAAAAA9 AAAA999999AAAAAA99", _curp, "any")
_add(
    "MX",
    "AAAA999999AAA AAAA999999999 AAAA9999999AA AAAA99999999A AAAA999999A99 AAAA999999AA9 AAAA999999A9A AAAA9999999A9",
    _rfc,
)
_add("AR", _nine(11), _cuit, "cuit")
_add("AR", _nine(7, 8), _always)
_add("CL", "99999999 999999999 9999999A 99999999A", _rut, "rut")
_add("CO", _nine(10), _nit, "dash")
_add("CO", _nine(8, 10), _always)
_add("IN", _nine(12), _aadhaar, "four")
_add("IN", "AAAAA9999A", _pan, "any")
_add("SG", "A9999999A", _sg, "any")
_add("KR", _nine(13), _kr, "kr")
_add("JP", _nine(12), _jp)
_add("CN", _nine(18) + " 99999999999999999A", _cn, "any")
_add("HK", "A9999999 A999999A AA9999999 AA999999A", _hk, "hk")
_add("TW", "A999999999", _tw, "any")
_add("TH", _nine(13), _th, "th")
_add("AU", _nine(9), _tfn)
_add("AU", _nine(10, 11), _medicare)
_add("NZ", _nine(8, 9), _ird)
_add("ZA", _nine(13), _za, "any")
_add("IL", _nine(9), _il)
_add("CA", _nine(9), _sin)
_add("RU", _nine(12), _inn)


def national(code: str, skeleton: str, raw: str, told: bool) -> bool:
    """Whether this is somebody's number. `raw` is its spelling, `told` whether a word says that it is one."""
    for rule in RULES.get(skeleton, ()):
        if rule.holds is _always and not _UNCHECKED.fullmatch(raw):
            continue
        if (told or (rule.bare and rule.bare.fullmatch(raw))) and rule.holds(code):
            return True
    return False
