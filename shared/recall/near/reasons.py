"""Why one text's answer is not served for another: what differs between them, in words."""

from collections import Counter
from collections.abc import Sequence

_KINDS = {
    "another negation": "not no nor never none nothing nobody neither without",
    "another quantifier": "all any some each every both few many much several half none only just "
    "even also always "
    "often sometimes usually rarely seldom never",
    "another comparison": "more less most least fewer greater smaller larger bigger higher lower "
    "better worse best worst "
    "than over under above below before after until since at least maximum minimum max min faster "
    "slower older younger "
    "longer shorter cheaper",
    "another modality": "can could may might must shall should will would need ought",
    "another tense": "is are was were be been being do does did has have had",
    "another person": "i me my mine you your yours he him his she her hers we us our ours they them "
    "their theirs it its",
    "another time": "today tomorrow yesterday now then monday tuesday wednesday thursday friday "
    "saturday sunday january "
    "february march april may june july august september october november december morning evening "
    "night day week "
    "month year hour minute second am pm next last",
    "another form": "list table json xml csv yaml html markdown bullet bullets paragraph paragraphs "
    "essay poem haiku "
    "story email letter tweet word words sentence sentences page pages line lines summary summarize "
    "brief briefly short "
    "long detailed formal informal funny serious simple professional expert child beginner python "
    "javascript code",
}
_WHY = {word: kind for kind, words in _KINDS.items() for word in words.split()}


def reason(one: Sequence[str], other: Sequence[str]) -> str:
    """What differs between two rows of content tokens, the weightiest first."""
    left, right = Counter(one), Counter(other)
    differ = list((left - right) + (right - left))
    if not differ:
        return "the same words in another order"
    for sign, name in (("`", "other code"), ('"', "another quotation"), ("\u27e6", "another placeholder")):
        if any(token[0] == sign for token in differ):
            return name
    if any(token[0].isdigit() or (token[0] in "+-" and len(token) > 1) for token in differ):
        return "another number"
    kinds = {_WHY[token.lower()] for token in differ if token.lower() in _WHY}
    for kind in _KINDS:
        if kind in kinds:
            return kind
    if any(token != token.lower() for token in differ):
        return "another name"
    return "other marks" if all(not token[0].isalnum() for token in differ) else "other words"
