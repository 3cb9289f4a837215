"""Identifiers that hold, of every type: public examples, and others made from a seed. Nobody's."""

import base64
import json
import random
import string
from collections.abc import Callable

from shared.guard.redact.checksums import luhn, mod97, verhoeff
from shared.guard.redact.national import RULES

Make = Callable[[random.Random], str]

NATIONAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ES": (("12345678Z", "X1234567L", "12.345.678-Z", "Y7654321G"), ("DNI", "Mi DNI es", "NIE:")),
    "IT": (("RSSMRA85T10A562S", "RSSMRA85T10A562S".lower()), ("Codice fiscale:", "Il mio codice fiscale è")),
    "FR": (("1 84 12 76 451 089 46", "255081416802538"), ("Numéro de sécurité sociale :", "NIR")),
    "DE": (
        ("86095742719", "65 929 970 489", "47036892816"),
        ("Steuer-ID:", "Steueridentifikationsnummer", "IdNr."),
    ),
    "NL": (("111222333", "123456782", "1112.22.333"), ("BSN", "Mijn burgerservicenummer is")),
    "BE": (("85.07.30-033.28", "85073003328"), ("Rijksregisternummer", "NISS:")),
    "PL": (("44051401359", "02070803628"), ("PESEL:", "Mój PESEL to")),
    "SE": (("811218-9876", "8112189876", "19811218-9876"), ("Personnummer:", "Mitt personnummer är")),
    "NO": (("29029600013", "290296 00013"), ("Fødselsnummer", "fnr:")),
    "DK": (("070761-4285", "0707614285"), ("CPR-nummer:", "Mit CPR er")),
    "FI": (("131052-308T",), ("Henkilötunnus", "hetu:")),
    "PT": (("123456789", "501 442 600"), ("NIF:", "O meu NIF é", "contribuinte n.º")),
    "GB": (
        ("AB123456C", "QQ 12 34 56 C", "943 476 5919", "9434765919"),
        ("NHS number", "National Insurance number:"),
    ),
    "IE": (("1234567T", "1234567FA"), ("PPS number:", "PPSN")),
    "CH": (("756.9217.0769.85", "756.1234.5678.97", "7569217076985"), ("AHV-Nr.", "Numéro AVS")),
    "AT": (("1237 010180", "1237010180"), ("SVNR", "Sozialversicherungsnummer:")),
    "CZ": (("710319/2745", "7103192745"), ("Rodné číslo:", "rodné číslo je")),
    "RO": (("1800101221144",), ("CNP", "CNP-ul meu este")),
    "BG": (("7523169263", "8032056031"), ("ЕГН:", "EGN")),
    "GR": (("094259216",), ("ΑΦΜ:", "AFM")),
    "TR": (("10000000146",), ("T.C. Kimlik No:", "TCKN")),
    "BR": (("529.982.247-25", "11144477735", "11.222.333/0001-81"), ("CPF", "CNPJ:", "Meu CPF é")),
    "MX": (("BOXW310820HNERXN09", "HEGG560427MVZRRL04", "GODE561231GR8"), ("CURP:", "RFC", "Mi RFC es")),
    "AR": (("20-05536168-2", "20-12345678-6", "27.123.456"), ("CUIT", "DNI:", "Documento")),
    "CL": (("12.345.678-5", "30.686.957-4", "12345678-5"), ("RUT:", "Mi RUT es")),
    "CO": (("213.123.432-1", "1.020.304.050"), ("Cédula", "NIT:", "cédula:")),
    "IN": (("2341 2341 2346", "234123412346", "ABCPE1234F"), ("Aadhaar:", "PAN", "My Aadhaar number is")),
    "SG": (("S1234567D", "T1234567J", "F1234567N", "G1234567X"), ("NRIC", "FIN:", "My NRIC is")),
    "KR": (("860824-1655068", "8608241655068"), ("주민등록번호:", "RRN")),
    "JP": (("123456789018", "1234 5678 9018"), ("マイナンバー：", "My Number:", "個人番号")),
    "CN": (("11010519491231002X", "440524188001010014"), ("身份证号", "身份证：", "Resident ID")),
    "HK": (("A123456(3)",), ("HKID", "HKID:", "Identity card")),
    "TW": (("A123456789",), ("身分證字號", "National ID:")),
    "TH": (("1-1017-00230-70-8", "1101700230708"), ("เลขประจำตัวประชาชน", "Thai national ID")),
    "AU": (("123 456 782", "123456782", "2123 45670 1"), ("TFN:", "Medicare", "My tax file number is")),
    "NZ": (("49-091-850", "136-410-132"), ("IRD number", "IRD:")),
    "ZA": (("8001015009087", "800101 5009 087"), ("ID number:", "South African ID")),
    "IL": (("123456782",), ("ת.ז.", "Teudat Zehut:")),
    "CA": (("046 454 286", "046454286", "046-454-286"), ("SIN:", "Social Insurance Number", "My SIN is")),
}
"""By country: public examples of the issuers and of encyclopaedias, and the words that people write before them."""

PHONES: dict[str, tuple[str, ...]] = {
    "US": (
        "(415) 555-2671",
        "415-555-2671",
        "+1 415 555 2671",
        "+14155552671",
        "1-800-555-0199",
        "415.555.2671",
    ),
    "GB": ("+44 20 7946 0958", "020 7946 0958", "07911 123456", "+44 (0)20 7946 0958", "0117 496 0123"),
    "DE": (
        "+49 30 901820",
        "030 901820",
        "0171 2345678",
        "030/1234567",
        "+49 (0)171 2345678",
        "0049 171 2345678",
    ),
    "FR": ("06 12 34 56 78", "+33 6 12 34 56 78", "0612345678", "01.42.68.53.00"),
    "ES": ("612 345 678", "+34 612 345 678", "91 123 45 67", "+34912345678"),
    "IT": ("+39 347 123 4567", "347 1234567", "06 6982 1234", "02-12345678"),
    "NL": ("06-12345678", "+31 6 12345678", "020 123 4567"),
    "BE": ("0470 12 34 56", "+32 470 12 34 56"),
    "CH": ("079 123 45 67", "+41 79 123 45 67"),
    "AT": ("0664 1234567", "+43 664 1234567"),
    "SE": ("070-123 45 67", "+46 70 123 45 67"),
    "NO": ("+47 412 34 567", "412 34 567"),
    "DK": ("+45 20 12 34 56", "20 12 34 56"),
    "FI": ("+358 40 1234567", "040 123 4567"),
    "PL": ("+48 512 345 678", "512 345 678"),
    "PT": ("+351 912 345 678", "912 345 678"),
    "IE": ("+353 85 012 3456", "085 012 3456"),
    "CZ": ("+420 601 123 456", "601 123 456"),
    "GR": ("+30 691 234 5678", "6912345678"),
    "TR": ("+90 532 123 45 67", "0532 123 45 67"),
    "RU": ("+7 912 345-67-89", "8 (912) 345-67-89"),
    "UA": ("+380 50 123 4567", "050 123 4567"),
    "IN": ("+91 98765 43210", "98765 43210", "9876543210"),
    "JP": ("03-1234-5678", "090-1234-5678", "+81 90-1234-5678"),
    "KR": ("010-1234-5678", "+82 10-1234-5678"),
    "CN": ("138 1234 5678", "13812345678", "+86 138 1234 5678"),
    "HK": ("+852 9123 4567", "9123 4567"),
    "SG": ("+65 9123 4567", "9123 4567"),
    "AU": ("0412 345 678", "+61 412 345 678", "(02) 9374 4000"),
    "NZ": ("021 123 4567", "+64 21 123 4567"),
    "ZA": ("082 123 4567", "+27 82 123 4567"),
    "BR": ("(11) 91234-5678", "+55 11 91234-5678"),
    "MX": ("+52 55 1234 5678", "55 1234 5678"),
    "AR": ("+54 9 11 1234-5678", "011 4123-4567"),
    "IL": ("052-123-4567", "+972 52-123-4567"),
    "EG": ("+20 10 1234 5678", "010 1234 5678"),
    "NG": ("+234 803 123 4567", "0803 123 4567"),
    "SA": ("+966 50 123 4567", "050 123 4567"),
}

PHONE_WORDS = ("Call me at", "Phone:", "Tel.", "my mobile is", "Telefon:", "Téléphone :", "Teléfono:",
    "WhatsApp", "тел.",
               "电话：", "電話", "Llámame al", "Ruf mich an:", "Appelez-moi au", "Fax:", "هاتف", "फोन",
               "전화")  # fmt: skip
EMAILS = (
    "john.doe@example.com", "a@b.co", "first+tag@sub.mail.example.org", "o'brien@example.ie",
    "jürgen@müller.de",
    "пользователь@пример.рф", "info@xn--mller-kva.de", "x_y-z@host-name.io", "user@xn--e1afmkfd.xn--p1ai",
    "support@my-company.co.uk", "1234@numbers.net", "UPPER.CASE@EXAMPLE.COM", "m.k@uni.edu.pl",
    "nina@example.museum",
)  # fmt: skip
IBANS = (
    "DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606",
    "ES9121000418450200051332",
    "NL91ABNA0417164300", "IT60X0542811101000000123456", "CH9300762011623852957", "BE68539007547034",
    "NO9386011117947",
    "PL61109010140000071219812874", "MT84MALT011000012345MTLCAST001S", "SA0380000000608010167519",
    "SE4550000000058398257466",
    "AT611904300234573201", "BR1800360305000010009795493C1", "TR330006100519786457841326",
    "LC55HEMM000100010012001200023015",
)  # fmt: skip
IPS = ("192.168.1.10", "10.0.0.254", "8.8.8.8", "203.0.113.77", "2001:db8::1", "fe80::1ff:fe23:4567:890a", "::1",
       "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "172.16.254.1", "::ffff:192.0.2.128",
       "255.255.255.0")  # fmt: skip
PASSPORTS = (
    "C01X00T47",
    "X1234567",
    "123456789",
    "AB1234567",
    "P1234567A",
    "YA1234567",
    "L898902C3",
    "21CK12345",
)
_ISSUERS = (("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16),
            ("3056", 14), ("62", 16), ("65", 16), ("4", 13), ("2200", 16), ("6759", 16))  # fmt: skip


def card(chance: random.Random) -> str:
    """A card of one of the issuers, in groups of four or as its issuer prints it."""
    prefix, size = chance.choice(_ISSUERS)
    body = prefix + _digits(chance, size - 1 - len(prefix))
    number = next(body + digit for digit in string.digits if luhn(body + digit))
    if chance.random() < 0.35:
        return number
    sign = chance.choice("  -")
    if size == 15:
        return sign.join((number[:4], number[4:10], number[10:]))
    if size == 14:
        return sign.join((number[:4], number[4:10], number[10:]))
    return sign.join(number[at : at + 4] for at in range(0, size, 4))


def iban(chance: random.Random) -> str:
    """A public example or a German one of a seed, in one or in groups."""
    code = chance.choice(IBANS)
    if chance.random() < 0.3:
        body = _digits(chance, 18)
        code = next(made for check in range(2, 99) if mod97(made := f"DE{check:02d}{body}"))
    if chance.random() < 0.5:
        return code
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def ssn(chance: random.Random) -> str:
    """By the rules of the SSA before 2011."""
    area = chance.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03d}-{chance.randint(1, 99):02d}-{chance.randint(1, 9999):04d}"


def jwt(chance: random.Random) -> str:
    """A token in three parts with a random signature."""
    parts = [
        {"alg": "HS256", "typ": "JWT"},
        {"sub": _digits(chance, 10), "iat": chance.randint(1, 10**9), "n": _word(chance, 8)},
    ]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*encoded, _word(chance, 43, "-_")))


def aadhaar(chance: random.Random) -> str:
    """Twelve digits with Verhoeff's check, in groups."""
    body = "3" + _digits(chance, 10)
    number = next(body + digit for digit in string.digits if verhoeff(body + digit))
    return " ".join((number[:4], number[4:8], number[8:]))


KEYS: tuple[Make, ...] = (
    lambda c: "sk-" + _word(c, 48), lambda c: "sk-proj-" + _word(c, 120, "-_"),
    lambda c: "sk-ant-api03-" + _word(c, 93, "-_"),
    lambda c: "AIza" + _word(c, 35, "-_"), lambda c: "AKIA" + _upper(c, 16), lambda c: "ASIA" + _upper(c, 16),
    lambda c: "ghp_" + _word(c, 36), lambda c: "github_pat_" + _word(c, 22) + "_" + _word(c, 59),
    lambda c: "gho_" + _word(c, 36),
    lambda c: "glpat-" + _word(c, 20, "-_"), lambda c: f"xoxb-{_digits(c, 12)}-{_digits(c, 12)}-{_word(c, 24)}",
    lambda c: f"https://hooks.slack.com/services/T{_upper(c, 8)}/B{_upper(c, 8)}/{_word(c, 24)}",
    lambda c: "sk_live_" + _word(c, 24), lambda c: "rk_test_" + _word(c, 24), lambda c: "whsec_" + _word(c, 32),
    lambda c: "ak-" + _word(c, 22), lambda c: "as-" + _word(c, 22), lambda c: "sbp_" + _hex(c, 40),
    lambda c: "sb_secret_" + _word(c, 31, "_"), lambda c: "SK" + _hex(c, 32), lambda c: "AC" + _hex(c, 32),
    lambda c: f"SG.{_word(c, 22)}.{_word(c, 43)}", lambda c: "npm_" + _word(c, 36),
    lambda c: "pypi-AgEIcHlwaS5vcmc" + _word(c, 80),
    lambda c: "hf_" + _word(c, 34), lambda c: f"{_digits(c, 9)}:AA{_word(c, 33, '-_')}",
    lambda c: f"M{_word(c, 23)}.{_word(c, 6)}.{_word(c, 27)}", lambda c: "pplx-" + _word(c, 48),
    lambda c: "cs_" + _word(c, 43),
    lambda c: "gsk_" + _word(c, 52), lambda c: "xai-" + _word(c, 80), lambda c: "r8_" + _word(c, 37),
    lambda c: f"https://{_word(c, 6).lower()}:{_word(c, 12)}@internal.example.com/path",
    lambda c: f"postgres://admin:{_word(c, 14)}@db.example.com:5432/app",
    lambda c: f"redis://:{_word(c, 16)}@cache:6379/0",
    lambda c: f"mongodb+srv://svc:{_word(c, 14)}@cluster0.ab1cd.mongodb.net/prod",
    lambda c: f"-----BEGIN RSA PRIVATE KEY-----\n{_block(c)}\n-----END RSA PRIVATE KEY-----",
    lambda c: f"-----BEGIN OPENSSH PRIVATE KEY-----\n{_block(c)}\n-----END OPENSSH PRIVATE KEY-----",
)  # fmt: skip

LABELLED: tuple[tuple[str, Make], ...] = (
    ("password: {}", lambda c: "hunter2"), ("Password is {}", lambda c: _word(c, 9) + "1!"), ("pwd={}",
    lambda c: _word(c, 10)),
    ('"password": "{}"', lambda c: "correct horse battery"), ("PASSWORD='{}'", lambda c: _word(c, 12, "!@#")),
    ("api_key={}", lambda c: _word(c, 32)), ("API key: {}", lambda c: _hex(c, 32)), ("SECRET_KEY={}",
    lambda c: _word(c, 40)),
    ("Authorization: Bearer {}", lambda c: _word(c, 40, "-_")), ("DB_PASSWORD={}", lambda c: _word(c, 11)),
    ("aws_secret_access_key = {}", lambda c: _word(c, 40, "/+")), ("contraseña: {}", lambda c: _word(c, 10)),
    ("Passwort: {}", lambda c: _word(c, 9) + "9"), ("mot de passe : {}", lambda c: _word(c, 8) + "7"),
    ("пароль: {}", lambda c: "qwerty" + _digits(c, 3)), ("密码：{}", lambda c: "abc" + _digits(c, 5)),
    ("client_secret: {}", lambda c: _word(c, 34, "~-_")), ("export TOKEN={}", lambda c: _word(c, 36)),
    ("senha: {}", lambda c: _word(c, 8) + "3"),
    ("the password for staging is {}", lambda c: _word(c, 8) + "42"), ("AZURE_OPENAI_API_KEY={}",
    lambda c: _hex(c, 32)),
    ("Authorization: Basic {}", lambda c: base64.b64encode(f"user:{_word(c, 9)}".encode()).decode()),
    ("x-api-key: {}", lambda c: _word(c, 30)), ("token: {}", lambda c: _word(c, 30)),
    ("passphrase: {}", lambda c: _word(c, 14)),
)  # fmt: skip


def skeletons() -> frozenset[str]:
    """The shapes for which there are rules: each is to be shown by an example."""
    return frozenset(RULES)


def _digits(chance: random.Random, size: int) -> str:
    return "".join(chance.choices(string.digits, k=size))


def _hex(chance: random.Random, size: int) -> str:
    return "".join(chance.choices("0123456789abcdef", k=size))


def _upper(chance: random.Random, size: int) -> str:
    return "".join(chance.choices(string.ascii_uppercase + "234567", k=size))


def _word(chance: random.Random, size: int, more: str = "") -> str:
    signs = "".join(chance.choices(string.ascii_letters + string.digits + more, k=size - 2))
    return chance.choice(string.ascii_letters) + signs + chance.choice(string.ascii_letters + string.digits)


def _block(chance: random.Random) -> str:
    return "\n".join(_word(chance, 64, "+/") for _ in range(chance.randint(4, 12)))
