"""What the words before a candidate say that it is. The nearest one counts."""

import re
from functools import lru_cache
from typing import Literal, get_args

from shared.guard.redact.islands import LOOK_BACK

Said = Literal["", "phone", "card", "iban", "ssn", "passport", "id", "ip", "other"]
_KINDS: tuple[Said, ...] = get_args(Said)

_WORDS: dict[Said, str] = {
    "other": """
        order orders invoice ref reference sku part parts item items model models serial tracking ticket
        tickets case batch lot isbn issn ean upc gtin asin version versions ver build builds release
        releases firmware driver upgrade upgraded update updated patch epoch timestamp ts unix unixtime
        commit hash sha* md5 uuid guid doi arxiv lat latitude lon longitude coord* gps price total
        amount cost quantity qty population article artikel* bestell* rechnung* sendung* commande
        facture colis pedido factura ordine fattura zamówieni* zamowieni* parcel shipment consignment
        waybill package paket* flight seed job process section chapter kapitel clause annex figure fig
        table pid row record bytes pixels catalog* product stock warehouse barcode ups fedex dhl usps
        booking reservation confirmation receipt transaction quote rma claim policy meter chassis vin
        imei mac checksum counter step seguimiento suivi заказ* v sequence index offset port revision
        rev bestelling ordernummer nummerplate score points sum budget revenue sales downloads views
        followers kilometers km miles meters size width height length weight elapsed duration
        """,
    "ssn": "ssn ssns",
    "passport": """
        passport* reisepass* pasaporte* passaport* passeport* paszport* паспорт* pasnummer paspoort*
        pasaport* διαβατ* pasu passi pass-nr
        """,
    "iban": "iban",
    "card": """
        card cards visa mastercard amex discover maestro kreditkart* karten kartennummer karte tarjeta*
        bancaire cartão cartao karta karty kortnummer kaart creditcard карт* kreditkort debit
        """,
    "ip": """
        ip ips ipv4 ipv6 address addresses server servers host hosts hostname gateway dns subnet ping
        login connection client from adresse dirección traceroute ssh proxy firewall router
        """,
    "id": """
        dni nif nie cif fiscale fisc cf nir insee steuer* idnr tin bsn burgerservicenummer
        rijksregister* niss insz pesel nip personnummer* personnr fødselsnummer fodselsnummer fnr cpr*
        henkilötunnus henkilotunnus hetu nino nhs pps ppsn ppsnummer ahv* avs svnr sozialversicherung*
        versicherungsnummer rodné rodne cnp egn егн afm amka tckn kimlik cpf cnpj curp rfc cui cuit cuil
        rut run cédula cedula nit aadhaar aadhar adhaar uidai pan nric fin rrn hkid tfn medicare ird sin
        zehut tz identity identification taxpayer* citizen* resident* isikukood jmbg oib emšo adószám*
        tax ausweis* documento* document identité identidad identitet* contribuinte vat id инн снилс αφμ
        αμκα unp pis
        """,
    "phone": """
        tel telephone* telefon* teléfono* teléf* téléphon* telef telefoon* phone* call calls called
        calling mobile* móvil movil cell cellulare cellular cellphone fax whatsapp sms ring
        dial handy* rufnummer anruf* ruf rufe rufen portable appel* joindre llam* llám* chiam*
        ligue ligar celular telemóvel telemovel bel bellen puh* tlf komórk* komork* zadzwo* hotline gsm
        viber contact voicemail numara* cep mobitel mob ph тел* звон* позвон* номер*
        моб* τηλ* κινητό sđt phones landline mobil* telefax
        """,
}
"""Words by what they announce; with a star, whatever begins so."""
_PHRASES: dict[Said, tuple[str, ...]] = {
    "ssn": ("social security", "security number", "security no", "soc sec"),
    "card": ("master card", "american express", "carte bleue", "carte de", "carta di", "bank card", "pan number"),
    "id": (
        "sécurité sociale", "securite sociale", "national insurance", "ni number", "ni no", "social insurance",
        "insurance number", "registre national", "my number", "national id", "national registration", "tax id",
        "tax file", "id card", "id number", "id no", "personas kods", "asmens kodas", "t c", "c f",
    ),
    "other": (
        "order id", "order ids", "user id", "session id", "request id", "product id", "customer id", "device id",
        "trace id", "article id", "build id", "event id", "message id", "run id", "job id", "transaction id",
        "identifiant de", "part no", "order number", "order no", "tracking number", "serial number", "case number",
    ),
    "phone": ("whats app", "điện thoại", "text me", "texted me", "reach me", "text us"),
}  # fmt: skip
_UNSPACED = re.compile(
    r"(?P<other>订单|单号|訂單|注文|送り状|주문|[$€£¥]\Z)|(?P<passport>护照|護照|パスポート|旅券|여권|جواز)"
    r"|(?P<card>卡号|信用卡|银行卡|カード)|(?P<id>身份证|身分證|统一编号|統一編號|マイナンバー|個人番号"
    r"|주민등록번호|주민번호|आधार|เลขประจำตัว|บัตรประชาชน|תעודת זהות|ת\.ז|الهوية|הזהות)|"
    r"(?P<phone>电话|電話|手机|手機|携帯|致电|拨打|联系|전화|연락"
    r"|휴대폰|هاتف|اتصل|جوال|موبايل|رقم|फ़ोन|फोन|मोबाइल|नंबर|โทร|טלפון|נייד)"
)
_WORD = re.compile(r"[^\W\d_]+(?:\d+(?!\d))?")
_SENTENCE = re.compile(r"[.!?] +[A-ZÀ-Þ]\w+ \w+")
_AFTER = 28
_EXACT: dict[str, Said] = {}
_PREFIX: dict[str, list[tuple[str, Said]]] = {}
for _kind, _list in _WORDS.items():
    for _one in _list.split():
        if _one.endswith("*"):
            _PREFIX.setdefault(_one[:2], []).append((_one[:-1], _kind))
        else:
            _EXACT[_one] = _kind
_PAIRS: dict[str, Said] = {phrase: kind for kind, phrases in _PHRASES.items() for phrase in phrases}


@lru_cache(maxsize=8192)
def _says(word: str) -> Said:
    """What one word announces."""
    kind = _EXACT.get(word)
    if kind:
        return kind
    for begin, its in _PREFIX.get(word[:2], ()):
        if word.startswith(begin):
            return its
    return ""


def said_before(text: str, start: int) -> Said:
    """What the nearest word before `start` says; `other` is a number that is nobody's: an order, a version, a sum."""
    before = text[max(0, start - LOOK_BACK) : start]
    kind, last = _nearest(before)
    if not before.isascii():
        for hit in _UNSPACED.finditer(before):
            if hit.end() >= last and hit.lastgroup in _KINDS:
                kind, last = hit.lastgroup, hit.end()
    elif before[-1:] == "$":
        return "other"
    return "" if not kind or _SENTENCE.search(before, last) else kind


def _nearest(before: str) -> tuple[Said, int]:
    """The kind of the last word that has one, and where that word ends."""
    words = list(_WORD.finditer(before.lower()))
    for index in range(len(words) - 1, -1, -1):
        word = words[index].group()
        if index:
            kind = _PAIRS.get(f"{words[index - 1].group()} {word}")
            if kind:
                return kind, words[index].end()
        kind = _says(word)
        if kind:
            return kind, words[index].end()
    return "", 0


def said_after(text: str, end: int, stop: int) -> Said:
    """What the first words behind a candidate say, within its island."""
    behind = text[end : min(stop, end + _AFTER)].lower()
    for word in _WORD.finditer(behind):
        kind = _says(word.group())
        if kind:
            return kind
    return ""
