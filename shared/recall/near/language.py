"""Whether a text is English: the only language of the local embedder, and of every rule in this package."""

import re

from shared.recall.near.words import is_name, is_word

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_OUTSIDE = re.compile(r"`[^`]*`|\"[^\"\n]*\"|\u201c[^\u201d\n]*\u201d|\u27e6[^\u27e7\n]*\u27e7")
_OURS = frozenset(
    """the a an of to in is are was were be been do does did how what why when where who which can could will
    would should
    i you he she it we they my your his her its our their this that these those and or but not no for from with
    without
    by on at as than then there have has had me us them if about into over under between after before all any some
    give write explain list describe tell show name make compare translate summarize please""".split()
)
_THEIRS = frozenset(
    """der die das den dem des ein eine einen einem ist sind nicht und oder wie warum wer wo wann mit von zu im
    auf für ich
    du wir ihr sie es bitte kannst le la les un une des du est sont pas et ou comment pourquoi qui quel quelle
    dans pour avec
    sur je tu il elle nous vous ils c'est qu'est que el los las una es son y o cómo como qué por para con en de
    del al mi tu
    su se lo il gli uno che non come perché chi dove quando sono nel della di da per een het van en hoe wat
    waarom niet met
    voor ik jij wij o os um uma não é por que ao na no em och är inte hur vad varför jag det som på av er ikke
    og hvordan
    hvad hvorfor jeg ang ng mga sa na ay ito yang dan di untuk apa bagaimana dengan bir ve bu için nasıl nedir
    ne nie jak co
    jest się na czy dlaczego""".split()
)
_FALSE_FRIENDS = _OURS & _THEIRS


def is_english(text: str) -> bool:
    """Whether nearly all of a text outside code and quotations is. In doubt it is not."""
    shown = [word.replace("\u2019", "'") for word in _WORD.findall(_OUTSIDE.sub(" ", text))]
    words = [word.lower() for word in shown]
    if not words:
        return False
    letters = sum(len(word) for word in words)
    foreign = sum(1 for word in words for char in word if char > "\u024f")
    if foreign * 10 > letters:
        return False
    known = sum(1 for word in words if _is_known(word))
    names = sum(
        1 for word in shown[1:] if word[0].isupper() and not _is_known(word.lower())
    )  # of any language
    ours = sum(1 for word in words if word in _OURS and word not in _FALSE_FRIENDS)
    theirs = sum(1 for word in words if word in _THEIRS and word not in _FALSE_FRIENDS)
    return known * 3 >= (len(words) - names) * 2 and theirs <= ours + 1 and (ours > 0 or theirs == 0)


def _is_known(word: str) -> bool:
    head = word.split("'", maxsplit=1)[0]
    return is_word(head) or is_name(head)
