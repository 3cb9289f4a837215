"""Check digits, each a predicate over a string of digits (and letters) without separators."""

from datetime import date

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right doubled, the sum divisible by ten."""
    odd = digits[-1::-2]
    even = digits[-2::-2]
    return (sum(map(int, odd)) + sum(_DOUBLED[int(digit)] for digit in even)) % 10 == 0


def mod97(code: str) -> bool:
    """ISO 7064 MOD 97-10 as IBANs use it: first four signs to the end, letters from A = 10."""
    moved = code[4:] + code[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def verhoeff(digits: str) -> bool:
    """The dihedral-group check of J. Verhoeff, 1969."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of products, over as many digits as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def mod11_10(digits: str) -> bool:
    """ISO 7064 MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def dated(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def born(yy: str, mm: str, dd: str) -> bool:
    """Whether a two-digit year, month and day are a day of some century."""
    return dated(2000 + int(yy), int(mm), int(dd)) or dated(1900 + (int(yy) or 4), int(mm), int(dd))


def varied(digits: str) -> bool:
    """Not one sign over and over, which passes most checks and names nobody."""
    return len(set(digits)) > 1
