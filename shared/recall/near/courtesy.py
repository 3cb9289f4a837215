"""What is said round a question for politeness, and says nothing about it."""

ASKED = frozenset(
    """what who whom whose which where when why how is are was were am do does did has have had can could will would
    should shall may might must""".split()
)
"""Words that begin a question."""
WISHED = frozenset(
    """add analyze answer argue arrange brainstorm break build calculate categorize check choose classify clarify
    combine come compare complete compose compute convert correct count create critique debug define demonstrate
    describe design detail develop devise discuss draft draw edit elaborate estimate evaluate expand explain extract
    fill find fix format generate give go guess help identify illustrate implement improve infer interpret invent
    justify let list make match mention name narrate note optimize order organize outline paraphrase plan point
    predict
    prepare produce prove provide put rank recommend remind rephrase reply respond review revise rewrite say shorten
    show simplify sketch solve sort spell state suggest summarize teach tell test think transform translate turn use
    verify walk write""".split()
)
"""Words that begin a wish, when somebody asks a model."""
_TALK = [
    phrase.split()
    for phrase in (
        "hi there|hello there|hey there|hi|hello|hey|greetings|good morning|good afternoon|good evening|good day|"
        "dear assistant|excuse me|sorry to bother you but|sorry to bother you|quick question|just curious|ok so|"
        "okay so|ok|okay|so|well|um|hmm|thanks|thank you|i have a question|i have a quick question|"
        "one quick question|btw|"
        "by the way"
    ).split("|")
]
_LEAD = [
    phrase.split()
    for phrase in (
        "please|kindly|could you please|can you please|would you please|will you please|could you kindly|"
        "would you kindly|can you kindly|please could you|please can you|would you be so kind as to|"
        "would you be able to|would you be so kind to|"
        "could you possibly|i would like you to|i want you to|i need you to|i would appreciate it if you could|"
        "i would be grateful if you could|i was wondering if you could|i am wondering if you could|"
        "i wonder if you could|if possible|if you can|if you could|if you do not mind|could i ask you to|"
        "may i ask you to|might i ask|may i ask|can i ask|could i ask|if i may ask|"
        "do you think you could|be so kind as to|please be so kind as to|i would love it if you could|"
        "i hope you are well|i hope you are doing well|i need your help|i need some help|i need help"
    ).split("|")
]
_SOFT = [phrase.split() for phrase in ("could you", "can you", "would you", "will you", "can i ask you to")]
"""Polite only before a wish: `Can you swim` asks something."""
_KNOW = [
    phrase.split()
    for phrase in (
        "i would like to know|i want to know|i would love to know|i need to know|i was wondering|i am wondering|"
        "i wonder|please tell me|tell me|can you tell me|could you tell me|would you tell me|do you know|"
        "please let me know|let me know"
    ).split("|")
]
"""Said before a question as it stands: `Tell me, what is a quark?`"""
_TAIL = [
    phrase.split()
    for phrase in (
        "please|please and thank you|please and thanks|thanks|thank you|thanks a lot|"
        "thanks so much|thank you so much|thank you very much|thanks very much|"
        "many thanks|thanks in advance|thank you in advance|thanks in advance for your help|thank you for your help|"
        "thanks for your help|thanks for the help|cheers|much appreciated|i appreciate it|i would appreciate it|"
        "i really appreciate it|if you can|if you could|if possible|if you do not mind|if you would|would you|"
        "will you|could you|can you|if that is ok|if that is okay|if it is not too much trouble|kindly|"
        "thank you kindly|thanks again|thank you again|have a nice day|have a great day|best regards|kind regards"
    ).split("|")
]
_CLEAR = frozenset("please thanks cheers kindly".split())
_NOT_AFTER = frozenset(
    """say says said saying spell spelled word words write writes mean means meaning use using than or and to
    of the a an
    is like as for in with without translate express give giving that one my our your many no not by from i you
    they we
    how do does phrase reply respond answer term add include contain containing call called many their her
    his""".split()
)
"""Before these the words at the end are what is spoken of: `How do I say please`."""
_OPENING = (
    ASKED
    | WISHED
    | frozenset("please kindly i i'm my we if there thanks thank quick just in at on to".split())
)
_ENDS = frozenset({".", "!", "?", "...", "\n", ",", ";", ":", "-"})


def bare(found: list[str]) -> list[str]:
    """The tokens without what is only polite, and without what ends a text."""
    was: list[str] | None = None
    while was != found:
        was = found
        found = _without_lead(_without_tail(found))
    return found


def _lower(found: list[str]) -> list[str]:
    return [token.lower() for token in found]


def _without_lead(found: list[str]) -> list[str]:
    low = _lower(found[:12])
    for phrase in sorted(_TALK, key=len, reverse=True):
        if low[: len(phrase)] == phrase and _talk_ends(low, len(phrase)):
            return _after(found, len(phrase))
    for phrase in sorted(_LEAD, key=len, reverse=True):
        if low[: len(phrase)] == phrase and _begins(low, len(phrase)):
            return _after(found, len(phrase))
    for phrase in _SOFT:
        if low[: len(phrase)] == phrase and len(low) > len(phrase) and low[len(phrase)] in WISHED:
            return found[len(phrase) :]
    for phrase in sorted(_KNOW, key=len, reverse=True):
        at = len(phrase)
        if low[:at] == phrase and len(low) > at + 1 and low[at] in {",", ":"} and low[at + 1] in ASKED:
            return found[at + 1 :]
    return found


def _talk_ends(low: list[str], at: int) -> bool:
    """Whether a greeting is one: `Hello Kitty` and `Hello, Dolly` are none."""
    if at >= len(low):
        return False
    if low[at] in _ENDS:
        following = low[at + 1] if at + 1 < len(low) else ""
        return bool(following) and (low[at] != "," or following in _OPENING)
    return low[at] in ASKED or low[at] in WISHED or low[at] in {"please", "i"}


def _begins(low: list[str], at: int) -> bool:
    if at >= len(low):
        return False
    if low[at] in _ENDS:
        return at + 1 < len(low)
    return (
        low[at] in WISHED
        or low[at] in ASKED
        or low[at] in {"i", "kindly", "please"}
        or at > 1
        or low[0] == "please"
    )


def _after(found: list[str], at: int) -> list[str]:
    while at < len(found) and found[at] in _ENDS:
        at += 1
    return found[at:]


def _without_tail(found: list[str]) -> list[str]:
    end = len(found)
    while end and found[end - 1] in _ENDS:
        end -= 1
    low = _lower(found[:end])
    if low[-2:] == ["for", "me"] and low[0] in WISHED and len(low) > 3:
        return found[: end - 2]
    for phrase in sorted(_TAIL, key=len, reverse=True):
        at = end - len(phrase)
        if at <= 0 or low[at:] != phrase:
            continue
        if low[at - 1] in _ENDS or _is_plea(low, at, phrase):
            return found[:at]
    return found


def _is_plea(low: list[str], at: int, phrase: list[str]) -> bool:
    """Whether polite words end a text without a mark before them."""
    return (
        phrase[0] in _CLEAR
        and low[at - 1] not in _NOT_AFTER
        and (low[0] in WISHED or low[0] in ASKED or at > 3)
    )
