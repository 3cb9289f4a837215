"""E-mail and IP addresses, as written and as disguised."""

import re
from ipaddress import AddressValueError, IPv6Address

from shared.guard.redact.context import said_before
from shared.guard.redact.found import Found

_LABEL = r"(?:xn--[a-z0-9\-]{1,59}|[^\W_](?:[\w\-]{0,61}[^\W_])?)"
_LOCAL = r"[\w.!#$%&'*+/=?^`{|}~\-]"
_PLAIN = re.compile(
    rf"(?<![\w.%+\-])(?:[\w%+][\w.%+'\-]{{0,63}}|\"[^\"\n]{{1,60}}\")@(?:{_LABEL}\.){{1,6}}"
    r"(?:xn--[a-z0-9\-]{1,59}|[^\W\d_]{2,24})(?!\w)(?!-*@)(?!:[\w.\-]+/)",
    re.IGNORECASE,
)
_ENDS = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|name|pro|app|dev|xyz|online|site|shop|store|tech|cloud|email"
    r"|example|test|"
    r"invalid|localhost|museum|agency|company|world|today|[a-z]{2}|xn--[a-z0-9\-]+|рф|укр|中国|公司|भारत)"
)
_MARKED_AT = r"[ \n]?[\[({<] ?(?:at|ät|arroba|@|a) ?[\])}>][ \n]?"
_MARKED_DOT = r"[ \n]?[\[({<] ?(?:dot|punkt|punto|ponto|point|\.) ?[\])}>][ \n]?"
_WORD_DOT = r" (?:dot|punkt|punto|ponto) "
_DOTS = rf"(?:\.|{_MARKED_DOT}|{_WORD_DOT}| \. ?)"
_PIECE = r"[^\W_](?:[\w+\-]{0,40}[^\W_])?"
_DISGUISED = re.compile(
    rf"(?<![\w.%+\-])[\w%+][\w%+\-]{{0,40}}(?:(?:\.|{_MARKED_DOT}|{_WORD_DOT}| \. )[\w%+\-]{{1,40}}){{0,4}}?"
    rf"(?:(?:{_MARKED_AT}| ?@ ?){_PIECE}(?:{_DOTS}{_PIECE}){{0,4}}{_DOTS}{_ENDS}"
    rf"| (?:at|arroba) (?=[\w\-]*[^\W\d_]){_PIECE}(?:{_DOTS}{_PIECE}){{0,4}}(?:{_MARKED_DOT}|{_WORD_DOT}){_ENDS}"
    rf"(?:(?:{_MARKED_DOT}|{_WORD_DOT}){_ENDS})?)(?![\w@])",
    re.IGNORECASE,
)
_SPELLED = re.compile(
    r"[\[({<] ?(?:at|ät|arroba|@|a|dot|punkt|punto|ponto|point|\.) ?[\])}>]| @|@ | (?:at|arroba) ",
    re.IGNORECASE,
)

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_POINT = r"(?:\.| ?\[ ?(?:\.|dot) ?\] ?| ?\( ?(?:\.|dot) ?\) ?| \. | dot )"
_V4 = re.compile(
    rf"(?<![\w.\-])(?<!\w/)(?<!\d,){_OCTET}(?:{_POINT}{_OCTET}){{3}}(?:/\d{{1,2}})?(?![\w]|[.\-]\w)",
    re.ASCII | re.IGNORECASE,
)
_V6 = re.compile(
    r"(?<![\w.])(?<![0-9A-Fa-f:]:)(?=[0-9A-Fa-f]|::)(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:])",
    re.ASCII,
)
_ZONE = re.compile(r"(?:%[\w]{1,15})?(?:/\d{1,3})?", re.ASCII)


def emails(text: str, start: int, end: int) -> list[Found]:
    """Addresses: plain, quoted, international, and with "at" and "dot" spelled in the usual ways."""
    found = []
    for pattern in (_PLAIN, _DISGUISED) if _SPELLED.search(text, start, end) else (_PLAIN,):
        found += [Found(hit.start(), hit.end(), "EMAIL") for hit in pattern.finditer(text, start, end)]
    return found


def ips(text: str, start: int, end: int) -> list[Found]:
    """IPv4 and IPv6; a version with four parts is none."""
    found = []
    for hit in _V6.finditer(text, start, end):
        address = hit.group().rstrip(":") if not hit.group().endswith("::") else hit.group()
        if _six(address):
            zone = _ZONE.match(text, hit.start() + len(address), end)
            found.append(Found(hit.start(), zone.end() if zone else hit.end(), "IP"))
    for hit in _V4.finditer(text, start, end):
        said = said_before(text, hit.start())
        found.append(Found(hit.start(), hit.end(), "" if said == "other" else "IP"))
    return found


def _six(address: str) -> bool:
    try:
        value = IPv6Address(address)
    except AddressValueError:
        return False
    groups = [group for group in address.split(":") if group]
    return value.packed != bytes(16) and (len(groups) > 2 or len(address) > 6 or address == "::1")
