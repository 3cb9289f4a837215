"""What the words before a candidate say that it is. The nearest one counts."""

import re
from typing import Literal

from shared.guard.redact.islands import LOOK_BACK

Said = Literal["", "phone", "card", "iban", "ssn", "passport", "id", "ip", "other"]

_WORDS = re.compile(
    r"(?P<other>\b(?:orders?|invoice|ref(?:erence)?|sku|parts?|items?|models?|serial|tracking|tickets?|case"
    r"|batch|lot|isbn"
    r"|issn|ean|upc|gtin|asin|version|ver|builds?|release|firmware|driver|upgraded?|updated?|patch|epoch"
    r"|timestamp|unix|"
    r"unixtime|commit|hash|sha\d*|md5|uuid|guid|doi|arxiv|lat(?:itude)?|lon(?:gitude)?|coord\w*|gps|price"
    r"|total|amount|"
    r"cost|quantity|qty|population|article|artikel\w*|bestell\w*|rechnung\w*|sendung\w*|commande|facture"
    r"|colis|pedido|"
    r"factura|ordine|fattura|zam[oó]wieni\w*|parcel|shipment|consignment|waybill|package|paket\w*|flight"
    r"|seed|job|process|section|chapter|kapitel|clause|annex|figure|fig|table|§|"
    r"pid|row|record|bytes|pixels|catalog\w*|product|stock|warehouse|barcode|ups|fedex|dhl|usps|booking"
    r"|reservation|"
    r"confirmation|receipt|transaction|quote|rma|claim|policy|meter|chassis|vin|imei|mac|checksum|code"
    r"|counter|step|"
    r"id[eé]ntifiant de commande|num[eé]ro de suivi|n[uú]mero de seguimiento|order ?ids?|(?:user|session"
    r"|request|product|"
    r"customer|device|trace|article|build|event|message|run) ?id)\b|заказ\w*|订单|单号|注文|送り状|주문|"
    r"\b[vV](?=\d?\Z)|[$€£¥]\Z)"
    r"|(?P<ssn>\bssn\b|social security(?: number| no\.?| #)?|\bsoc\.? sec\b)"
    r"|(?P<passport>\bpass?port\w*|\breisepass\w*|\bpasaporte|\bpassaport[eo]|\bpaszport\w*|паспорт\w*|护照"
    r"|護照|パスポート|旅券|"
    r"여권|جواز|\bpasnummer|\bpaspoort\w*|\bpasaport\w*|διαβατ\w*|\bcestovní pas)"
    r"|(?P<iban>\biban\b)"
    r"|(?P<card>\b(?:credit|debit|bank|payment)[ -]?cards?\b|\bcards?\b|\bvisa\b|\bmaster ?card\b|\bamex\b"
    r"|american express|"
    r"\bdiscover\b|\bmaestro\b|kreditkart\w*|\bkarten?(?:nummer)?\b|\bkarte\b|\btarjeta|carte (?:bancaire"
    r"|bleue|de cr)|"
    r"\bcarta di credito|\bcart[aã]o|\bkarty?\b|карт[аыеу]|卡号|信用卡|银行卡|カード)"
    r"|(?P<ip>\b(?:ip|ips|ipv[46]|address|server|host|hostname|gateway|dns|subnet|ping|login|connection"
    r"|client|from|"
    r"adresse|dirección|traceroute|ssh|proxy|firewall|router)\b)"
    r"|(?P<id>\b(?:dni|nif|nie|cif|codice fiscale|cod\.? fisc\w*|c\.?f\.|nir|insee|s[eé]curit[eé] sociale"
    r"|num[eé]ro de s[eé]cu|"
    r"steuer\w*|idnr\.?|tin|bsn|burgerservicenummer|rijksregister\w*|registre national|niss|insz|pesel|nip"
    r"|personnummer|"
    r"personnr\.?|f[oø]dselsnummer|fnr|d-nummer|cpr(?:-?n\w*)?|henkil[oö]tunnus|hetu|nino"
    r"|national insurance|ni (?:number|no"
    r")|nhs|ppsn?|pps|ahv\w*|avs|svnr|sozialversicherung\w*|versicherungsnummer|rodn[eé]|cnp|egn| егн|afm"
    r"|amka|tckn|t\.?c\.?"
    r"(?: kimlik)?|kimlik|cpf|cnpj|curp|rfc|cui[tl]|rut|run|c[eé]dula|nit|aadh?aa?r|uidai|pan|nric|fin|rrn"
    r"|my ?number|"
    r"hkid|tfn|medicare|ird|sin|social insurance|teudat zehut|tz|national (?:id\w*|registration|number)"
    r"|identity\b\w*|"
    r"identification|tax (?:id\w*|number|file|no|payer)|taxpayer\w*|citizen\w*|resident\w*"
    r"|personal (?:id\w*|number|code)|id"
    r" ?(?:card|number|no\.?|nr\.?|#)|id|gov\w* id|isikukood|asmens kodas|personas kods|jmbg|oib|emšo"
    r"|adószám\w*|tax|"
    r"ausweis\w*|documento|document\b|identité|identidad|identitet\w*|identifiant national|contribuinte"
    r"|imposto|vat)\b|"
    r"身份证|身分證|统一编号|統一編號|マイナンバー|個人番号|주민등록번호|주민번호|ЕГН|ИНН|СНИЛС|ΑΦΜ|ΑΜΚΑ|आधार|เลขประจำตัว|บัตรประชาชน|"
    r"תעודת זהות|ת\.ז|الهوية|הזהות)"
    r"|(?P<phone>\b(?:t[eé]l(?:[eé](?:ph|f)\w{0,10})?|phone\w*|call(?:s|ed|ing)?|mobile?\w*"
    r"|m[oó]vil|cell(?:ulare"
    r"|ular|phone)?|fax|whats ?app|sms|text(?:ed)?|ring|dial|reach|handy\w*|rufnummer|anruf\w*|rufen?|ruf"
    r"|portable|appel\w*|"
    r"joindre|ll[aá]m\w*|chiam\w*|lig(?:ue|ar)|celular|telem[oó]vel|bel|puh(?:elin)?\w*|puhelinnumero|tlf\.?"
    r"|tel|nummer ist|"
    r"komórk\w*|zadzwo\w*|hotline|gsm|signal|viber|telegram|contact|voicemail|numara\w*|cep|mobitel|mob"
    r"|extension|ph)\b|"
    r"тел\w*|звон\w*|позвон\w*|номер\w*|моб\w*|电话|電話|手机|手機|携帯|致电|拨打|联系|전화|연락|휴대폰|هاتف|اتصل|جوال|موبايل|رقم"
    r"|फ़?ोन|फोन|"
    r"मोबाइल|नंबर|โทร\w*|טלפון|נייד|τηλ\w*|κινητό|điện thoại|sđt)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?] +[A-ZÀ-Þ]\w+ \w+")
_AFTER = 28


def said_before(text: str, start: int) -> Said:
    """What the nearest word before `start` says; `other` is a number that is nobody's: an order, a version, a sum."""
    before = text[max(0, start - LOOK_BACK) : start]
    kind: str | None = ""
    last = 0
    for word in _WORDS.finditer(before):
        kind, last = word.lastgroup, word.end()
    if not kind or _SENTENCE.search(before, last):
        return ""
    return kind  # type: ignore[return-value]  # the groups are named so


def said_after(text: str, end: int, stop: int) -> Said:
    """What the first words behind a candidate say, within its island."""
    behind = text[end : min(stop, end + _AFTER)]
    word = _WORDS.search(behind)
    return word.lastgroup if word else ""  # type: ignore[return-value]  # the groups are named so
