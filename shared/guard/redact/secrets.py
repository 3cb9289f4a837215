"""Keys and passwords: by their issuers' prefixes, by the words before them, by how random they are."""

import re
from math import log2

from shared.guard.redact.found import Found
from shared.guard.redact.islands import LABEL

_BEFORE = r"(?<![A-Za-z0-9_\-])"
_JWT = re.compile(
    r"(?<![A-Za-z0-9_\-])eyJ[A-Za-z0-9_\-]{8,}\."
    r"(?:eyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,3}|[A-Za-z0-9_\-]{4,}\.[A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]+){0,2})"
)
_KEYED = re.compile(
    _BEFORE + r"(?:"
    r"sk-(?:proj-|svcacct-|admin-|ant-(?:[a-z]{2,6}\d\d-)?|or-(?:v1-)?|lf-)?[A-Za-z0-9_\-]{20,200}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,200}|whsec_[A-Za-z0-9+/=]{16,100}"
    r"|AIza[A-Za-z0-9_\-]{30,45}|ya29\.[A-Za-z0-9_\-]{20,300}|GOCSPX-[A-Za-z0-9_\-]{20,40}"
    r"|AQ\.[A-Za-z0-9_\-]{30,80}"
    r"|(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])"
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
    r"|gl(?:pat|ptt|rt|dt|soat|cbt|ft|imt|agent|oas)-[A-Za-z0-9_\-.]{16,300}"
    r"|xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{10,250}|xapp-[A-Za-z0-9\-]{10,250}"
    r"|(?:ak|as)-[A-Za-z0-9]{16,64}|sb[ps]?_(?:secret_|publishable_)?[A-Za-z0-9_\-]{20,200}"
    r"|SK[0-9a-f]{32}|AC[0-9a-f]{32}|SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}"
    r"|npm_[A-Za-z0-9]{30,60}|pypi-[A-Za-z0-9_\-]{16,300}|hf_[A-Za-z0-9]{20,60}|pplx-[A-Za-z0-9]{20,80}"
    r"|cs_(?:live_|test_)?[A-Za-z0-9_\-]{20,120}|cp_live_[A-Za-z0-9]{20,80}|key-[0-9a-f]{32}"
    r"|r8_[A-Za-z0-9]{30,45}"
    r"|gsk_[A-Za-z0-9]{30,80}|xai-[A-Za-z0-9]{30,100}|sq0[a-z]{3}-[A-Za-z0-9_\-]{20,60}"
    r"|EAAA[A-Za-z0-9_\-]{40,80}"
    r"|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|dop_v1_[a-f0-9]{64}|do[or]_v1_[a-f0-9]{64}|lin_api_[A-Za-z0-9]{30,60}"
    r"|secret_[A-Za-z0-9]{40,60}|ntn_[A-Za-z0-9]{30,60}|figd_[A-Za-z0-9_\-]{30,60}"
    r"|dckr_pat_[A-Za-z0-9_\-]{20,60}"
    r"|hv[sb]\.[A-Za-z0-9_\-]{20,200}|v1\.0-[a-f0-9]{24}-[a-f0-9]{64,200}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}"
    r"|nvapi-[A-Za-z0-9_\-]{40,90}|rnd_[A-Za-z0-9]{24,50}|vercel_[A-Za-z0-9_]{20,60}"
    r"|sntry[su]_[A-Za-z0-9_=+/\-]{30,200}"
    r"|glsa_[A-Za-z0-9_]{30,60}|pat-(?:na|eu)\d-[a-f0-9\-]{36}|dapi[a-f0-9]{32}|AGE-SECRET-KEY-1[A-Z0-9]{50,60}"
    r"|tfp_[A-Za-z0-9_]{30,70}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_\-=]{50,80}|pul-[a-f0-9]{40}"
    r"|ATATT3[A-Za-z0-9_\-=]{50,220}"
    r"|[0-9]{8,10}:AA[A-Za-z0-9_\-]{30,40}|[MNO][A-Za-z0-9_\-]{22,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40}"
    r"|(?:mfa\.)[A-Za-z0-9_\-]{60,100}|[A-Za-z0-9_~.\-]{3}[78]Q~[A-Za-z0-9_~.\-]{31,34}"
    r"|[A-Za-z0-9+/]{52}JQQJ99[A-Za-z0-9+/]{26}|AccountKey=[A-Za-z0-9+/]{80,90}={0,2}"
    r")"
)
_MAYBE_KEYED = re.compile(r"[A-Za-z0-9_\-.~:+/=]{18}")
_HOOK = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_\-]{20,100}"
    r"|(?:discord|discordapp)\.com/api/webhooks/[0-9]{15,20}/[A-Za-z0-9_\-]{30,90}"
    r"|[a-z0-9\-]+\.webhook\.office\.com/[A-Za-z0-9/@\-]{40,200})"
)
_LOGIN_URL = re.compile(
    r"(?<![A-Za-z0-9])[a-z][a-z0-9+.\-]{1,20}://[^\s/:@\"'<>]{0,60}:[^\s/@\"'<>]{1,100}@[^\s\"'<>`]{1,200}",
    re.IGNORECASE,
)
_SIGNED_URL = re.compile(
    r"(?<=[?&])(?:sig|signature|X-Amz-Signature|access_token|api_?key|token|key)=([A-Za-z0-9%_\-.+/]{16,200})",
    re.IGNORECASE,
)
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])")

_NAMES = (
    r"(?:[A-Za-z0-9]+[_\-.])*(?:pass(?:word|wd|phrase|code|wort|ord|e)?|pw|pwd"
    r"|secret(?:[_ \-]?(?:access[_ \-]?)?key)?|token|"
    r"(?:api|access|auth|private|signing|encryption|account|client|master|shared|service|storage|license"
    r"|app|role|admin|anon|"
    r"subscription)[_ \-]?(?:key|secret|token|password)|key|credentials?|webhook|client[_ ]?secret|db_?pass"
    r"|contrase[nñ]a|clave|"
    r"mot de passe|kennwort|senha|wachtwoord|has[lł]o|пароль|密[码碼]|パスワード|비밀번호"
    r"|[sş]ifre|l[oö]senord|adgangskode|salasana|heslo|jelsz[oó]|parola|pin"
    r"|κωδικός|كلمة المرور|كلمة السر|पासवर्ड)(?:[_\-.][A-Za-z0-9]+)*"
)
_ASSIGNED = re.compile(
    rf"(?<![A-Za-z]){_NAMES}(?:[\"'`]|\*\*)?(?: ?\([^()\n]{{1,20}}\))?(?P<sign> ?(?::=|=>|[:=])(?:\*\*)? ?\n? ?"
    r"|(?: (?:for|to|of) [\w.\-]+(?: [\w.\-]+)?)? (?:is|was|ist|es|est|è|é|jest|är|er|on|это|war|lautet"
    r"|:)(?: now)?:? |是：?:?|は|为|为:|: )"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{3,120})(?P=quote)|(?P<bare>[^\s\"'`<>⟦]{3,300}))",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"\b(?:Bearer|Token|Basic|ApiKey|Digest)\s+(?P<bare>[A-Za-z0-9_\-.~+/=:]{8,4000})", re.IGNORECASE
)
_PAIR = re.compile(r"(?<!\S)(?:-u|--user|-p|--password)[ =](?P<bare>[^\s:'\"]{1,40}:[^\s'\"]{3,100})")
_NOT_VALUES = re.compile(
    r"(?:required|incorrect|invalid|wrong|expired|missing|correct|reset|changed|stored|hashed|encrypted"
    r"|optional|none|null|"
    r"true|false|undefined|string|number|bool\w*|int|str|os\.\w+\S*|process\.env\S*|env\S*|getenv\S*"
    r"|\$\{?\w+\}?|\{\{.*|<.*|\*+|x+|"
    r"\.{3,}|…+|your\S*|todo|changeme_here|redacted|hidden|secret|password|token|the|a|an|not|too|at|in|of"
    r"|to|that|this|"
    r"and|or|for|on|one|key|must|should|was|very|only|what|when|how|self\.\S*|config\S*|settings\S*|args\S*"
    r"|request\S*|"
    r"len\(.*|\w+\(.*|important|essential|crucial|simple|clear|strong|weak|safe|short|long|again|valid|good"
    r"|bad|you|your|"
    r"never|always|never\S*|sent|needed|used|unknown|empty|blank|visible|protected|set|new|old|my|it|its|we"
    r"|if|no|yes|kein\w*|"
    r"falsch|richtig|incorrecta|incorrecte|abgelaufen|nicht|no|ne|pas)[.,;:!?)]*",
    re.IGNORECASE,
)

_NO_PASSWORDS = ("key", "token", "secret", "credential", "credentials", "webhook", "clave", "code")
"""Labels of what machines make: a word behind one of them is no secret."""
_IN_CODE = re.compile(r"[A-Za-z_][\w.]*[(\[].*|[a-z_]+(?:\.[a-z_]+)+|[a-z]+(?:_[a-z]+)+", re.DOTALL)
_SENTENCE = re.compile(r",? (?!and |y |und |et )[^\W\d_]+")
"""A word goes on behind a word: what follows the label is a sentence."""


def secrets(text: str, start: int, end: int) -> list[Found]:
    """Those that show what they are."""
    part = text[start:end]
    found: list[Found] = []
    if "://" in part:
        found += [_hit(hit, "SECRET") for hit in _LOGIN_URL.finditer(text, start, end)]
        found += [_hit(hit, "SECRET") for hit in _HOOK.finditer(text, start, end)]
    if "eyJ" in part:
        found += [_hit(hit, "JWT") for hit in _JWT.finditer(text, start, end)]
    if _MAYBE_KEYED.search(part):
        found += [_hit(hit, "SECRET") for hit in _KEYED.finditer(text, start, end) if _random(hit.group())]
    if "=" in part and ("?" in part or "&" in part):
        signed = _SIGNED_URL.finditer(text, start, end)
        found += [Found(*hit.span(1), "SECRET") for hit in signed if _random(hit.group(1))]
    return found


def _hit(hit: re.Match[str], type_: str) -> Found:
    return Found(hit.start(), _trimmed(hit.string, hit.start(), hit.end()), type_)


def labelled(text: str, start: int, end: int) -> list[Found]:
    """Those that a word before them gives away: the value, without the label and its quotes."""
    if not LABEL.search(text, start, end) and "-u" not in text[start:end]:
        return []
    found = []
    for hit in _ASSIGNED.finditer(text, start, end):
        group = "quoted" if hit.group("quoted") is not None else "bare"
        first, last = hit.span(group)
        if group == "bare":
            last = _trimmed(text, first, last)
        value = text[first:last]
        if len(value) > 2 and not _NOT_VALUES.fullmatch(value) and _telling(hit, value):
            found.append(Found(first, last, "SECRET"))
    for hit in (*_BEARER.finditer(text, start, end), *_PAIR.finditer(text, start, end)):
        first, last = hit.start("bare"), _trimmed(text, hit.start("bare"), hit.end("bare"))
        if _mixed(text[first:last]):
            found.append(Found(first, last, "SECRET"))
    if "aws" in text[max(0, start - 40) : end].lower() or "secret" in text[max(0, start - 40) : end].lower():
        found += [
            Found(hit.start(), hit.end(), "SECRET")
            for hit in _AWS_SECRET.finditer(text, start, end)
            if _mixed(hit.group()) and entropy(hit.group()) > 4
        ]
    return found


def entropy(value: str) -> float:
    """Bits a sign, by Shannon's formula over the value's own signs."""
    size = len(value)
    return -sum(value.count(sign) / size * log2(value.count(sign) / size) for sign in set(value))


def _telling(hit: re.Match[str], value: str) -> bool:
    """Whether what is assigned is a secret and not a word of a sentence or a name in code."""
    sign = hit.group("sign")
    label = hit.string[hit.start() : hit.start("sign")].lower().rstrip("\"'`*) ")
    if label.endswith("pin"):
        return value.isdigit() and 4 <= len(value) <= 8
    if sum(map(str.isalnum, value)) < 3 or _IN_CODE.fullmatch(value):
        return False
    if label.endswith(_NO_PASSWORDS):
        return len(value) >= 8 and _mixed(value) and (any(map(str.isdigit, value)) or entropy(value) > 3.6)
    if "=" in sign or ":" in sign or "：" in sign:
        return not value.isalpha() or (len(value) >= 5 and not _SENTENCE.match(hit.string, hit.end()))
    return len(value) >= 6 and _mixed(value)


def _mixed(value: str) -> bool:
    """Digits or signs among letters, or capitals within: as no word is written."""
    letters = any(sign.isalpha() for sign in value)
    digits = any(sign.isdigit() for sign in value)
    signs = any(not sign.isalnum() and sign not in "-'.,/" for sign in value)
    inner = any(sign.isupper() for sign in value[1:]) and any(sign.islower() for sign in value)
    return (letters and (digits or signs)) or (digits and signs) or (inner and len(value) > 9)


def _random(value: str) -> bool:
    """Random enough for a key: not a name, a path or a word over and over."""
    body = value.rsplit("_", maxsplit=1)[-1] if "_" in value[:12] else value
    return len(set(body)) >= min(8, len(body) // 2) and (
        any(sign.isdigit() for sign in value) or entropy(value) > 3.6
    )


def _trimmed(text: str, first: int, last: int) -> int:
    """Without the marks of the sentence around."""
    while last > first and text[last - 1] in ".,;:!?)]}»”’|":
        if text[last - 1] in ")]}" and text.count("([{"[")]}".index(text[last - 1])], first, last):
            break
        if text[last - 1] == "!" and any(sign.isdigit() for sign in text[first:last]):
            break
        last -= 1
    return last
