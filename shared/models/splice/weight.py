"""How much a repetition weighs: what people say twice, what they never do."""

from shared.models.splice.scripts import han, spaceless

ONCE = frozenset(
    "the a an of and with from for or at as by if their our its my your which into than because while although they we "
    "she i were been between during without about every each these those would could should "
    "und oder mit von zu auf für im am dem den des eine einer durch über "
    "et le les du aux avec pour dans une sur par qui où el los las del con por una para y il gli e di per della nel "
    "и с в на к из от для по о у за the".split()
)
"""Words that no sentence has twice in a row."""
OFTEN = frozenset(
    "very really so much many no yes ha he ho la da do that had is was it her his on in you who what why when now long "
    "far bye well there go come please never more again one two row ding tick knock blah etc way down up out over "
    "sehr ja nein die der das sie très oui non nous vous muy sí molto очень да нет".split()
)
"""Words that are said twice in a row now and then."""
COMMON = (
    ONCE
    | OFTEN
    | frozenset(
        "but nor yet to are be he this not then whose how all any some most can will shall may might must does did has "
        "have onto under off after before through them me him us only also just like such same other first new good "
        "ist sind nicht ein wie als auch aber noch nach bei un est sont pas que se ne es son su al lo un che non si "
        "что не как это так то".split()
    )
)
"""Words that any text may have."""


def alike(char: str) -> str:
    """What kind of writing a letter is of, as far as the weight of a repetition goes."""
    if "\uac00" <= char <= "\ud7a3":
        return "syllables"
    return "signs" if han(char) else "letters"


def bits(words: list[str]) -> float:
    """How unlikely it is that these words stand there by chance, in bits; roughly."""
    total = 0.0
    for word in words:
        if word.isdigit():
            total += min(3.3 * len(word), 12)
        elif spaceless(word[0]):
            total += 5 if "\u3040" <= word[0] <= "\u30ff" else 9 if han(word[0]) else 3.5
        elif alike(word[0]) == "syllables":
            total += min(6 * len(word), 18)
        elif word in COMMON:
            total += 4 + 0.3 * len(word)
        else:
            total += min(3 + 1.8 * len(word), 16)
    return total


def said_once(word: str) -> bool:
    """Whether a word that stands twice in a row was surely meant once."""
    if word in OFTEN:
        return False
    if word in ONCE:
        return True
    if word.isdigit():
        return len(word) >= 4
    if alike(word[0]) == "syllables":
        # With a particle behind it, a Korean word is a part of a sentence, which has each part once.
        return len(word) >= 4 or (len(word) >= 2 and word[-1] in "은는가을를에의와과")
    return len(word) >= 7


def heavy(word: str) -> bool:
    """Whether a word carries a meaning of its own."""
    return word not in OFTEN and len(word) >= (2 if alike(word[0]) == "syllables" else 4)
