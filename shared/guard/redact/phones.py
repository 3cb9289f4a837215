"""Telephone numbers: E.164 by the lengths of each country, national forms by their shape or by the words around."""

import re

_LENGTHS = {
    "1": (10, 10), "7": (10, 10), "20": (8, 10), "27": (9, 9), "30": (10, 10), "31": (9, 9), "32": (8, 9),
    "33": (9, 9),
    "34": (9, 9), "36": (8, 9), "39": (8, 11), "40": (9, 9), "41": (9, 9), "43": (7, 12), "44": (9, 10),
    "45": (8, 8),
    "46": (7, 9), "47": (8, 8), "48": (9, 9), "49": (6, 12), "51": (8, 9), "52": (10, 11), "53": (8, 8),
    "54": (10, 11),
    "55": (10, 11), "56": (9, 9), "57": (8, 10), "58": (10, 10), "60": (8, 10), "61": (9, 9),
    "62": (8, 12), "63": (8, 10),
    "64": (8, 10), "65": (8, 8), "66": (8, 9), "81": (9, 10), "82": (8, 10), "84": (9, 10),
    "86": (10, 11), "90": (10, 10),
    "91": (10, 10), "92": (9, 10), "93": (9, 9), "94": (9, 9), "95": (7, 10), "98": (10, 10),
    "212": (9, 9), "213": (8, 9),
    "216": (8, 8), "221": (9, 9), "225": (10, 10), "233": (9, 9), "234": (8, 10), "254": (9, 9), "255": (9, 9),
    "256": (9, 9), "351": (9, 9), "352": (6, 9), "353": (7, 9), "354": (7, 7), "355": (8, 9),
    "356": (8, 8), "357": (8, 8),
    "358": (6, 10), "359": (7, 9), "370": (8, 8), "371": (8, 8), "372": (7, 8), "380": (9, 9),
    "381": (8, 9), "385": (8, 9),
    "386": (8, 8), "420": (9, 9), "421": (9, 9), "852": (8, 8), "853": (8, 8), "880": (8, 10),
    "886": (8, 9), "961": (7, 8),
    "962": (8, 9), "965": (8, 8), "966": (9, 9), "971": (8, 9), "972": (8, 9), "973": (8, 8), "974": (8, 8),
}  # fmt: skip
"""Digits of the national number, fewest and most, by calling code (ITU-T E.164 and the plans of the countries)."""
_STRONG = re.compile(
    r"(?:1[ .\-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .\-])[2-9]\d\d[ .\-]\d{4}"
    r"|0\d{1,4}(?:[ \-]\d{2,8}){1,4}|\(0\d{1,5}\) ?\d{2,8}(?:[ \-]\d{2,5}){0,3}|0[1-9](?:[ .\-]\d\d){4}"
    r"|0\d{2,4} ?/ ?\d{4,9}"
    r"(?:[ \-]\d{2,5})?|0[1-9]\d{8,9}|0\d{2,3}[ .]\d{3}[ .]\d{3,4}|0\d{2,3}[ /.]\d{3}[ .]\d\d[ .]\d\d"
    r"|[67]\d\d \d{3} \d{3}|[679]\d\d \d\d \d\d \d\d|[6-9]\d{4}[ \-]\d{5}|\(\d\d\) ?9?\d{4}[ \-]?\d{4}"
    r"|\d\d 9\d{4}-\d{4}"
    r"|1[3-9]\d[ \-]\d{4}[ \-]\d{4}|1[3-9]\d{9}|3\d\d[ \-]\d{3}[ \-]?\d{4}"
    r"|8[ \-]?\(?[3-9]\d\d\)?[ \-]\d{3}-\d\d-\d\d"
    r"|\([2-9]\d{1,4}\) ?\d{3,4}[ \-]\d{3,5}|1[38]00 \d{3} \d{3}"
)
"""National forms that nothing else looks like."""


def international(digits: str) -> bool:
    """Whether digits behind a `+` are a number of a country. `digits` may hold the `0` that some write in brackets."""
    for size in (1, 2, 3):
        bounds = _LENGTHS.get(digits[:size])
        if bounds:
            least, most = bounds
            return least <= len(digits) - size <= most
    return digits[:1] not in {"0", "1", "7"} and 9 <= len(digits) <= 15


def strong(raw: str, digits: str) -> bool:
    """Whether a number is a telephone number by its shape alone."""
    return 9 <= len(digits) <= 12 and _STRONG.fullmatch(raw) is not None and len(set(digits)) > 2


def weak(raw: str, digits: str) -> bool:
    """Whether a number may be one where words say so."""
    if not 7 <= len(digits) <= 13 or len(set(digits)) == 1:
        return False
    if raw == digits and digits.endswith("0000"):
        return False
    return "/" not in raw[1:-4] and raw.count(".") in (0, 2, 3, 4)
