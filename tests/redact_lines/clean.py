"""Lines that hold nothing to hide and look as though they did."""

import random
import uuid
from functools import lru_cache
from hashlib import sha1, sha256

_FIXED = (
    "The meeting is at 3 dot com", "We met at noon. Dot the i.", "His talk at example dot product was long.",
    "My password was reset, please check the page.", "Enter your password: it must have 12 characters.",
    "Password reset is required", "The token is expired.", "The key is important to success", "key: value",
    "password: <your password>", "api_key=os.environ['API_KEY']", "secret: ${SECRET}", "token = get_token()",
    "Basic authentication is enough for now", "A bearer of good news", "The secret is to start early.",
    "Call me at noon tomorrow.", "Call 911 in an emergency", "phone 3 is the best", "Order 66 was executed",
    "std::vector<int> a::b x[::2]", "12:30:45 and 09:15", "00:1A:2B:3C:4D:5E is no address of a person",
    "@decorator\ndef f(): ...", "npm i react@18.2.0 vue@3.4.1", "follow @anna on the site",
    "git clone git@github.com:org/repo.git",
    "E = mc2", "3.14159265358979", "f(x) = 2x^2 + 3x - 5", "1 2 3 4 5 6 7 8 9 10",
    "1, 1, 2, 3, 5, 8, 13, 21, 34",
    "(800) of 1000 people", "pages 123-456", "1914-1918 and 1939-1945", "2024-2025", "24/7", "9/11", "50/50",
    "x = 4111111111111112", "card 4111 1111 1111 1112 fails the check",
    "DE89 3704 0044 0532 0130 01 is no account",
    "IPv4 has 32 bits, IPv6 has 128.", "999.999.999.999", "256.1.1.1", "1.2.3", "3.11.9",
    "release 10.0.19045.3803",
    "Chrome/120.0.6099.109", "version 4.18.0.553", "v1.2.3.4", "upgrade to 2.4.1.0 first",
    "Section 4.1.2.3 of the version 2 manual", "The population is 331 002 651.", "€ 1 234 567,89",
    "$4,111,111,111,111,111",
    "Distance: 384400 km", "Temperature -273.15", "RGB(255, 128, 0) #ff8800", "ISO 9001:2015",
    "RFC 2616 and RFC 9110",
    "Room 1234, building 56", "IMG_20240131_123456.jpg", "backup-2024-01-31-120000.tar.gz", "0x7fffffffffff",
    "1e10 and 6.022e23", "A4 paper, B2B, H2O, CO2", "GPT-4 and Llama 3.1 405B", "COVID-19 in 2020",
    "F16, B52, A380",
    "8K 60 fps, 1920x1080", "M1 Max 64 GB 2 TB", "Psalm 119:105", "Mt 5:3-12", "2+2=4", "100% of 1000000",
    "sha: d41d8cd98f00b204e9800998ecf8427e", "Boeing 737-800 and 747-400", "Windows 10 22H2 19045",
    "ICD-10 F32.1",
    "El año 1992 fue 25 veces mejor", "Im Jahr 2023 kamen 1 234 567 Besucher", "2023年12月31日 12345人",
    "第123回 4567円",
    "The secret ingredient is cinnamon", "la clave es la paciencia", "Das Passwort ist falsch",
    "token count: 123456",
    "max_tokens=4096 temperature=0.7", "tokens: 1024", "primary key: id", "key=value", "foreign key: user_id",
    "import secrets; secrets.token_hex(16)", "password_hash = hash(password)", "if password == confirm: pass",
)  # fmt: skip


@lru_cache(maxsize=1)
def clean() -> tuple[str, ...]:
    """Over 400 lines, the same ones always."""
    chance = random.Random(4)
    found = list(_FIXED)

    def digits(size: int) -> str:
        return str(chance.randint(10 ** (size - 1), 10**size - 1))

    for _ in range(22):
        bits = chance.getrandbits(128)
        found += [
            f"Order number {digits(chance.randint(7, 12))} was shipped.",
            f"Bestellnummer: {digits(10)}",
            f"Your order #{digits(3)}-{digits(7)}-{digits(7)} is on its way",
            f"Invoice {digits(4)}-{digits(6)} of {digits(2)} items",
            f"ISBN 978-{digits(1)}-{digits(4)}-{digits(4)}-{digits(1)}",
            f"ts={1_600_000_000 + chance.randint(0, 10**8)} level=info",
            f"epoch {1_600_000_000_000 + chance.randint(0, 10**11)} ms",
            f"upgrade to version {digits(1)}.{digits(2)}.{digits(1)}.{digits(2)}",
            f"id {uuid.UUID(int=bits, version=4)}",
            f"commit {sha1(str(bits).encode()).hexdigest()}",  # what git prints
            f"sha256:{sha256(str(bits).encode()).hexdigest()}",
            f"{chance.uniform(-90, 90):.6f}, {chance.uniform(-180, 180):.6f}",
            f"Lat {chance.uniform(-90, 90):.4f} lon {chance.uniform(-180, 180):.4f}",
            f"Total: ${chance.randint(1, 999)},{digits(3)},{digits(3)}.{digits(2)}",
            f"Price {digits(3)} {digits(3)} EUR in {chance.randint(1900, 2030)}",
            f"SKU {digits(3)}-{digits(3)}-{digits(4)}",
            f"sku-{digits(3)}-{digits(4)}-{digits(4)}",
            f"Tracking number 1Z{digits(3)}AA1{digits(10)}",
            f"Tracking: {digits(12)}",
            f"{digits(5)} * {digits(4)} = {digits(9)}",
            f"{digits(4)} + {digits(4)} - {digits(4)} = {digits(4)}",
            f"Part no. {digits(4)}-{digits(3)}-{digits(3)}",
        ]
    return tuple(found)
