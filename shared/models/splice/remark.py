"""What a model says before it goes on: "Sure, here is the rest:", in the languages that models answer in.

Text that is lost is worse than a remark that is shown. So a remark must begin like one, name the going on, and end with
a colon, dots or its line; after a whole sentence of the text it must be one of the set phrases.
"""

import re

_MOST = 170
"""Code points in which a remark ends."""
_ACKS = (
    "sure|certainly|of course|absolutely|okay|ok|right|got it|understood|no problem|gladly|apologies"
    "|sorry|my apologies|i apologize|i apologise|natürlich|gerne|klar|sicher|selbstverständlich"
    "|bien sûr|bien sur|certainement|d'accord|claro|por supuesto|desde luego|com certeza|certo"
    "|certamente|конечно|хорошо|natuurlijk|oczywiście|tabii|elbette|好的|好|当然|當然|没问题|はい|承知|もちろん|了解"
    "|네|물론|알겠습니다|بالتأكيد|بالطبع|حسنا|ज़रूर|जरूर|बिल्कुल"
)
_OPENERS = (
    "here is|here's|here’s|here are|here comes|here follows|here it is|here goes|below is|this is the"
    "|the following is|what follows is|the rest|the continuation|the remainder|the remaining"
    "|continuing|continued|continuation|cont'd|cont’d|cont.|resuming|picking up|carrying on"
    "|going on from|to continue|i'll continue|i’ll continue|i will continue|i'll pick|i'll go on"
    "|i'll resume|i will resume|i will pick|i'll now|i will now|i'm continuing|i am continuing"
    "|i continue|let me continue|let me pick|let me resume|let me finish|let's continue"
    "|let’s continue|we continue|as requested|from where|my answer continues|your answer continues"
    "|the answer continues|the text continues|fortsetzung|hier ist die fort|hier ist der rest"
    "|hier die fort|hier folgt|hier kommt|hier geht|weiter geht|ich setze|ich fahre|ich mache weiter"
    "|voici|suite|la suite|je continue|je reprends|je poursuis|reprenons|continuons|continuación"
    "|continuacion|continuando|continúo|continuo|aquí está|aquí tienes|aquí va|aquí sigue|sigo"
    "|prosigo|aqui está|continuação|segue a|ecco il|ecco la|seguito|continuazione|proseguo|proseguendo|продолж"
    "|вот продолж|вот оста|далее|hier is het vervolg|hier is de rest|vervolg|oto dalsz|oto ciąg"
    "|oto kontyn|ciąg dalszy|kontynuacja|kontynuuję|devam|işte devam|işte kalan|以下是|以下为|下面是|接下来|接上"
    "|接着|继续|繼續|续写|續寫|接續|これが続き|続き|続け|以下|では続|이어서|계속|다음은|나머지"
    "|إليك|هذه|فيما يلي|تكملة|تتمة|أكمل|أتابع|متابعة"
    "|यहाँ|यह रहा|आगे|जारी"
)
_ACK = tuple(_ACKS.split("|"))
_OPENS = tuple(_OPENERS.split("|"))
_BEGINS = _ACK + _OPENS
_NAMES = re.compile(
    r"contin|resum|\brest\b|remain|left off|stopped|stops|cut off|where (?:i|we|it|you|the|that)\b"
    r"|pick(?:ing)? up|go(?:ing)? on"
    r"|fortsetz|weiter|\brest|suite|reste|repren|poursui|segui|sigue|resto|restante|prosig|prosegu|cont[ií]n|продолж|остал"
    r"|vervolg|dalsz|ciąg|kontyn|devam|kalan|继续|繼續|接|续|續|余下|其余|剩|続|계속|이어|나머지"
    r"|تتمة|بقية|تكمل|تابع|أكمل|متابعة|आगे|शेष|बाक़ी|बाकी|जारी",
    re.I,
)
_WHERE = (
    r"(?:\s+(?:on|exactly|right|directly|seamlessly|immediately|now|straight))*"
    r"(?:\s+(?:from\s+)?(?:where|the\s+(?:point|place|exact|previous|last|above|text|answer|response|article|story|list"
    r"|code|table|sentence|draft|essay|poem|json)|my|our|your|above|here|this)\b[^\n:：]{0,90})?"
)
_SET = re.compile(
    r"(?:(?:here(?:['’]s| is| are| comes| follows)|below is|this is|the following is|what follows is)\s+"
    r"(?:\w+\s+){0,3}?"
    r"(?:rest|continuation|remainder|remaining|continued)\b[^\n:：]{0,90}"
    rf"|(?:\(?\s*)(?:continuing|continued|continuation|cont['’]d|cont\.|resuming|picking\s+up|carrying\s+on|to\s+continue)"
    rf"{_WHERE}"
    rf"|(?:i(?:['’]ll|\s+will|['’]m|\s+am)?|let\s+me|let['’]s|we)\s+(?:now\s+)?(?:continu\w+|resum\w+|pick\s+up|go\s+on|finish)"
    rf"{_WHERE}"
    r"|the\s+(?:rest|continuation|remainder)(?:\s+of\s+(?:the|my|your)\s+(?:text|answer|response|article))?"
    r"|(?:the|my|your)\s+(?:answer|text)\s+continues[^\n:：]{0,40}|from\s+where\s+(?:i|we|it)\b[^\n:：]{0,60}"
    r"|as\s+requested[^\n:：]{0,90}(?:contin|rest)[^\n:：]{0,60}"
    r"|(?:fortsetzung|hier\s+(?:ist|folgt|kommt|geht|die)[^\n:：]{0,40}(?:fortsetzung|rest|weiter)|weiter\s+geht|ich\s+(?:setze|fahre|mache)"
    r"[^\n:：]{0,60}(?:fort|weiter))[^\n:：]{0,60}"
    r"|(?:voici\s+(?:la\s+)?(?:suite|reste|fin)|la\s+suite|suite|je\s+(?:continue|reprends|poursuis)|reprenons|continuons)[^\n:：]{0,60}"
    r"|(?:aqu[ií]\s+(?:est[áa]|tienes|va|sigue)[^\n:：]{0,20}(?:continuaci|resto|restante|continua)|continuaci[óo]n|continua[çc][ãa]o"
    r"|contin[úu]o\s+(?:desde|donde|a\s+partir)|continuando\s+(?:desde|de\s+onde|a\s+partir|donde|o\s+texto)|segue\s+a\s+continua)[^\n:：]{0,60}"
    r"|(?:ecco\s+(?:il|la)\s+(?:seguito|continuazione|resto)|seguito|continuazione|proseguo|continuo\s+da)[^\n:：]{0,60}"
    r"|(?:вот\s+(?:продолж|остал)|продолжение|продолжаю|продолжим|далее\s+следует)[^\n:：]{0,60}"
    r"|(?:hier\s+is\s+(?:het\s+vervolg|de\s+rest)|vervolg|oto\s+(?:dalsz|ciąg|kontyn)|ciąg\s+dalszy|kontynuacja|devamı|işte\s+(?:devam|kalan))"
    r"[^\n:：]{0,60}"
    r"|(?:以下|下面|接下来|接上|接着|继续|繼續|续写|續寫|接續|続き|続け|これが続|では続|이어서|계속|다음은|나머지)[^\n:：]{0,40}"
    r"|(?:إليك|هذه|فيما يلي|تكملة|تتمة|أكمل|أتابع|متابعة|यहाँ|यह रहा|आगे|जारी)[^\n:：]{0,60})\s*",
    re.I,
)
_END = re.compile(r"[:：][*_)\]\"”]*|\.{3}[*_)\]]*|…[*_)\]]*|[.!。！)\]*]*(?=\n)")
_LEAD = ' \t\r\n"“*_([—–-#>'
_BREAK = re.compile(r"[ \t]*(?:\r?\n){1,2}(?:(?:-{3}|\*{3})(?:\r?\n){1,2})?|[ \t]?")
_ACK_ONLY = re.compile(rf"(?:{_ACKS})(?:[,!.。！，]|\s+thing)*", re.I)


def length(text: str, *, whole: bool, final: bool) -> int | None:
    """How much of the beginning is remarks, in code points; None where that can't be said yet.

    `whole` says that the text they follow ends with a whole sentence, so that another may begin here."""
    at = 0
    for _ in range(3):
        size = _one(text[at:], whole=whole, final=final)
        if size is None:
            return None
        if not size:
            break
        at += size
    return at


def _one(text: str, *, whole: bool, final: bool) -> int | None:
    bare = text.lstrip(_LEAD)
    lead = len(text) - len(bare)
    low = bare.casefold()
    if not low:
        return 0 if final or len(text) > 40 else None
    begun = _begins(low)
    if begun is None:
        return 0 if final else None
    if not begun:
        return 0
    end = _END.search(bare, 1, _MOST)
    if end is None:
        return 0 if final or len(bare) >= _MOST or bare.count(". ") > 2 else None
    said = bare[: end.start()].strip()
    after = bare[end.end() :]
    if not _remark(said, bare[end.start() : end.end()], whole=whole, line=after.lstrip(" ")[:1] == "\n"):
        return 0
    gap = _BREAK.match(after)
    if not after.strip() and not final:
        return None
    return lead + end.end() + (gap.end() if gap else 0)


def _begins(low: str) -> bool | None:
    """Whether it begins like a remark; None where it may."""
    for phrase in _BEGINS:
        if low.startswith(phrase):
            after = low[len(phrase) : len(phrase) + 1]
            # Stems of inflected languages, and scripts without spaces, need no end of a word.
            if not after or not after.isalpha() or not phrase.isascii() or " " in phrase:
                return True
    if any(phrase.startswith(low.rstrip()) for phrase in _BEGINS):
        return None
    return False


def _remark(said: str, end: str, *, whole: bool, line: bool) -> bool:
    """Whether that is one: a phrase that tells of going on, perhaps behind a yes."""
    bare = said.strip('*_()[]"“”. ')
    ack = _ACK_ONLY.match(bare)
    rest = bare[ack.end() :].lstrip(" ,.!—–-，。！、") if ack else bare
    if not rest:
        return ack is not None and line and not end.strip(".!。！)]*:：") and not end.startswith("...")
    if not line and (not rest.isascii() or rest.casefold().startswith("the ")):
        # What goes on in its line may be the sentence itself: "the rest: two cups".
        return False
    named = not whole and line and end.startswith((":", "：", "...", "…"))
    if named and len(rest.split()) <= 24 and _NAMES.search(rest) and _begins(rest.casefold()) is not False:
        return True
    return _SET.fullmatch(rest) is not None and bool(_NAMES.search(rest))
