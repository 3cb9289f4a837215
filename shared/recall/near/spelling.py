"""One spelling for each word: contractions in full, American for British, digits for number words."""

import re

from shared.recall.near.words import is_word

_WHOLE = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "let's": "let us",
    "i'm": "i am",
    "o'clock": "o'clock",
    "y'all": "you all",
} | dict(
    pair.split("=")
    for pair in """whats=what_is hows=how_is wheres=where_is whos=who_is whens=when_is thats=that_is theres=there_is
    dont=do_not doesnt=does_not didnt=did_not isnt=is_not arent=are_not wasnt=was_not werent=were_not
    wouldnt=would_not
    couldnt=could_not shouldnt=should_not havent=have_not hasnt=has_not hadnt=had_not cant=can_not wont=will_not
    im=i_am ive=i_have youre=you_are youve=you_have theyre=they_are theyve=they_have weve=we_have
    pls=please plz=please thx=thanks ty=thanks""".split()
)
_TAILS = {"n't": "not", "'re": "are", "'ve": "have", "'ll": "will"}
_IS = frozenset("what who where when how why that there here it he she this which".split())
_HAS = frozenset("been got become gone done had".split())
_WOULD = frozenset("like love prefer rather be appreciate want need have".split())

_OUR = """arbour ardour armour behaviour candour clamour clangour colour demeanour dolour enamour endeavour favour
    fervour flavour glamour harbour honour humour labour misdemeanour neighbour odour parlour rancour rigour rumour
    saviour savour splendour tumour valour vapour vigour""".split()
_OTHER = dict(
    pair.split("=")
    for pair in """centre=center theatre=theater metre=meter litre=liter fibre=fiber calibre=caliber sabre=saber
    spectre=specter sombre=somber lustre=luster manoeuvre=maneuver kilometre=kilometer centimetre=centimeter
    millimetre=millimeter millilitre=milliliter defence=defense offence=offense pretence=pretense licence=license
    practise=practice practised=practiced practising=practicing catalogue=catalog dialogue=dialog analogue=analog
    grey=gray tyre=tire programme=program cheque=check aluminium=aluminum mum=mom pyjamas=pajamas plough=plow
    sceptic=skeptic sceptical=skeptical mould=mold moustache=mustache cosy=cozy aeroplane=airplane
    encyclopaedia=encyclopedia paediatric=pediatric paediatrician=pediatrician anaemia=anemia anaemic=anemic
    oestrogen=estrogen foetus=fetus foetal=fetal diarrhoea=diarrhea leukaemia=leukemia anaesthesia=anesthesia
    anaesthetic=anesthetic gynaecologist=gynecologist haemoglobin=hemoglobin orthopaedic=orthopedic
    archaeology=archeology archaeologist=archeologist learnt=learned dreamt=dreamed burnt=burned whilst=while
    amongst=among towards=toward afterwards=afterward judgement=judgment ageing=aging acknowledgement=acknowledgment
    sulphur=sulfur artefact=artifact doughnut=donut yoghurt=yogurt maths=math jewellery=jewelry enrol=enroll
    enrolment=enrollment fulfil=fulfill fulfilment=fulfillment skilful=skillful instalment=installment wilful=willful
    counsellor=counselor marvellous=marvelous woollen=woolen per_cent=percent omelette=omelet
    oesophagus=esophagus oedema=edema e-mail=email e-mails=emails""".split()
)
_PLURAL = {f"{british}s": f"{american}s" for british, american in _OTHER.items() if not british.endswith("s")}
_DOUBLED = re.compile(
    r"(travel|cancel|model|label|fuel|signal|level|quarrel|counsel|channel|tunnel|dial|equal|initial|marshal|total"
    r"|shovel|marvel|funnel|panel|pencil|jewel|rival|spiral|unravel|swivel|duel)l(ed|ing|er|ers)"
)
_ISE = re.compile(r"(\w{4,}[iy])s(e|es|ed|ing|er|ers|ation|ations)")
_NOT_ISE = frozenset("analyses paralyses apprise apprised comprise comprised comprises comprising".split())

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
)
_UNITS = {word: at for at, word in enumerate([*_ONES, "sixteen", "seventeen", "eighteen", "nineteen"])}
_TENS = {
    word: at * 10
    for at, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_NTH = dict(
    pair.split("=")
    for pair in """first=1st second=2nd third=3rd fourth=4th fifth=5th sixth=6th seventh=7th eighth=8th ninth=9th
    tenth=10th eleventh=11th twelfth=12th""".split()
)


def expanded(word: str, following: str) -> list[str]:
    """The words of a contraction; [word] where it is none. Lower-case, with straight apostrophes."""
    if word in _WHOLE:
        return _WHOLE[word].replace("_", " ").split()
    for tail, full in _TAILS.items():
        if word.endswith(tail) and len(word) > len(tail):
            return [word[: -len(tail)], full]
    head = word[:-2]
    if word.endswith("'s") and head in _IS:
        return [head, "has" if following in _HAS else "is"]
    if word.endswith("'d") and head and following in _WOULD:
        return [head, "would"]
    return [word]


def american(word: str) -> str:
    """A lower-case word as it is spelled in America."""
    found = _OTHER.get(word) or _PLURAL.get(word)
    if found is not None:
        return found
    for british in _OUR:
        if british in word:
            return word.replace(british, british[:-2] + "r")
    doubled = _DOUBLED.fullmatch(word)
    if doubled is not None:
        return doubled[1] + doubled[2]
    ise = _ISE.fullmatch(word)
    if ise is not None and word not in _NOT_ISE:
        zed = f"{ise[1]}z{ise[2]}"
        return zed if is_word(zed) else word
    return word


def counted(words: list[str]) -> list[str]:
    """Number words as digits, those that belong together as one number. `one hundred and five` is 105, `five six` is
    5 6; ordinals up to the twelfth become 1st, 2nd …; capitalised number words are parts of names and stay."""
    found: list[str] = []
    at = 0
    while at < len(words):
        number, end = _number(words, at)
        if at and words[at - 1] == "between" and "and" in words[at:end]:
            number, end = _number(words[: words.index("and", at)], at)
        if end > at:
            found.append(str(number))
            at = end
            continue
        found.append(_NTH.get(words[at], words[at]))
        at += 1
    return found


def _number(words: list[str], at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends; the same place where none does."""
    total, end, last = 0, at, 10**12
    following = at
    while True:
        part, after = _hundreds(words, following)
        if after == following:
            return total, end
        scale = _SCALES.get(words[after]) if after < len(words) else None
        if scale is None:
            return total + part, after
        if scale >= last:
            return total, end
        total, end, last = total + part * scale, after + 1, scale
        following = end + 1 if end < len(words) and words[end] == "and" else end


def _hundreds(words: list[str], at: int) -> tuple[int, int]:
    part, end = _below_hundred(words, at)
    if end == at or end >= len(words) or words[end] != "hundred" or not 0 < part < 20:
        return part, end
    total, end = part * 100, end + 1
    after = end + 1 if end < len(words) - 1 and words[end] == "and" else end
    rest, last = _below_hundred(words, after)
    return (total + rest, last) if last > after and rest else (total, end)


def _below_hundred(words: list[str], at: int) -> tuple[int, int]:
    if at >= len(words):
        return 0, at
    word = words[at]
    if word in _UNITS:
        return _UNITS[word], at + 1
    if word in _TENS:
        following = words[at + 1] if at + 1 < len(words) else ""
        one = _UNITS.get(following, 0)
        return (_TENS[word] + one, at + 2) if 0 < one < 10 else (_TENS[word], at + 1)
    head, _, tail = word.partition("-")
    if head in _TENS and 0 < _UNITS.get(tail, 0) < 10:
        return _TENS[head] + _UNITS[tail], at + 1
    return 0, at
