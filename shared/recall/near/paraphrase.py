"""Other words for the same wish: a small table, each line of which can be read and doubted.

Patterns are of content tokens (so contractions are in full and spelling is American). What is not here makes two texts
differ. A line belongs here only where nobody would answer the two otherwise.
"""

# ruff: noqa: E501  # a rule stands on one line
import re
from functools import cache, lru_cache

_ATOM = re.compile('[`"\u27e6\n].*', re.S)
_HELD = "\ue000"

_TEXTS = (
    "poem|haiku|limerick|story|essay|letter|email|paragraph|summary|recipe|joke|speech|article|headline|tagline|slogan|"
    "script|song|tweet|caption|function|query|note|message|description|post|sonnet|riddle|sentence|list|table|outline|"
    "plan|program|report|review|dialog|definition|overview"
)
_TEXT = rf"(?P<what>(?:a|an|the|\d+)(?: [a-z-]+){{0,3}}? (?:{_TEXTS})s?) "
_MAKE = (
    "(?:(?:write|compose|create|draft|produce|generate|make|give|show|provide|prepare)(?: me)?(?: with)?|come up with|"
    "i need|i would like|i want|(?:can|could|may) i (?:have|get)|help me (?:to )?(?:write|compose|draft|create))"
)
_GIVE = "(?:(?:give|tell|show|write|provide|make)(?: me)?(?: with)?|can i have|i need|i would like|i want)"
_KNOW = (
    "(?:tell me|(?:can|could|would) you tell me|do you know|i would like to know|i want to know|i need to know|"
    "i would love to know|i was wondering|i am wondering|i wonder|i am curious|let me know|i am trying to find out|"
    "explain to me|explain|help me understand|i want to understand|i would like to understand|i want to learn|i would like to learn)"
)
_NP = r"(?P<np>(?:(?:the|a|an|my|your|our) )?\S+(?: \S+)??)"
_OPENERS = [
    (rf"^ (?:{_KNOW}|show me|teach me|describe) (?=how (?:to|i|do|can|could|would) )", " "),
    (r"^ how (?:do|can|could|would) i go about (?=\S+ing )", " GOING "),
    (r"^ (?:how (?:do|can|could|would) i|how to|how i (?:do|can|could|would)) best ", " HOW best "),
    (r"^ (?:how (?:do|can|could|would) i|how to|how i (?:can|could|would)) ", " HOW "),
    (rf"^ (?:{_KNOW} |what is |show me )the best (?:way|method) (?:for me )?to ", " HOW best "),
    (r"^ (?:HOW say|how (?:do|would) you say) ", " SAY "),
    (rf"^ {_KNOW} (?P<wh>what|who|where|when) (?P<np>(?:the|a|an) .+|\S+(?: \S+)?) (?P<be>is|are|was|were) $", r" \g<wh> \g<be> \g<np> "),
    (rf"^ {_KNOW} (?=(?:what|who|where|when|why|how|which) )", " "),
    (rf"^ why {_NP} (?P<be>is|are|was|were) (?=\S)", r" why \g<be> \g<np> "),
    (rf"^ how {_NP} (?:works|functions|operates) (?=$|\S)", r" how does \g<np> work "),
    (rf"^ how {_NP} (?:work|function|operate) (?=$|\S)", r" how do \g<np> work "),
    (r"^ what exactly (is|are) ", r" what \1 "),
    (r"^ what does (?P<w>\S+(?: \S+)?) mean $", r" MEANING \g<w> "),
    (r"^ what is (?:the meaning of|meant by) (?:the (?:word|term) )?(?P<w>\S+(?: \S+)?) $", r" MEANING \g<w> "),
    (r"^ (?:explain|describe|tell me|what are|what is) ?(?:the )?differences? between (?P<a>(?:(?! and ).)+?) and ", r" DIFFER \g<a> and "),
    (r"^ how (?:does|do) (?P<a>(?:(?! and ).)+?) differ from ", r" DIFFER \g<a> and "),
    (r"^ how (?:is|are) (?P<a>(?:(?! and ).)+?) different from ", r" DIFFER \g<a> and "),
    (r"^ (?:explain|describe)(?: to me)? (?=\S)", " EXPLAIN "),
    (r"^ (?:tell me|i want to know|i would like to know|i want to learn|i would like to learn|teach me|what can you tell me) about ", " EXPLAIN "),
    (r"^ (?:give|write|provide|i need|i would like)(?: me)? an explanation of ", " EXPLAIN "),
    (r"^ (?:help me understand|i want to understand|i would like to understand) ", " EXPLAIN "),
    (r"^ EXPLAIN (?P<x>.+) to me $", r" EXPLAIN \g<x> "),
    (r"^ EXPLAIN the (?:concept|idea|notion) of ", " EXPLAIN "),
    (rf"^ {_GIVE} (?:a|the) summary of ", " summarize "),
    (r"^ sum up ", " summarize "),
    (rf"^ (?:{_GIVE} a (?:short|brief|quick|concise) summary of|briefly summarize) ", " summarize briefly "),
    (rf"^ (?:{_GIVE}|create|produce|generate|provide)(?: me)? (?:a|the) list of ", " LIST "),
    (r"^ (?:(?:list|name|give|tell|provide|mention|identify|enumerate|state)(?: me)?|list out|what are|(?:can|could) you (?:name|list)) (?=\d+ )", " LIST "),
    (r"^ (?:(?:list|name|give|tell|provide|mention|identify|enumerate|suggest|recommend|offer)(?: me)?|list out|what are|come up with) some (?=\S)", " LIST some "),
    (rf"^ (?:{_KNOW}|give me|name|state|what is|what are|list|list out|identify|enumerate|which is|which are) the (?!(?:story|reason|reasons|steps|truth|news|joke|list|summary|recipe) )", " THE "),
    (r"^ (?:list|enumerate|list out|name) (?=\S)", " LIST "),
    (r"^ (?:suggest|recommend|propose|come up with|think of) (?=\d+ )", " LIST "),
    (rf"^ {_MAKE} {_TEXT}", r" WRITE \g<what> "),
    (r"^ (?:rewrite|rephrase|reword) ", " REWRITE "),
    (r"^ (?:correct|fix) the (?=(?:grammar|errors|mistakes|spelling) )", " CORRECT the "),
    (r"^ (?:calculate|compute|work out|figure out|determine|find) (?=(?:the|\d+) )", " CALCULATE "),
    (r"^ (?:(?:show|give|provide|write)(?: me)?|what is) an example of ", " EXAMPLE "),
    (r"^ compare (?P<a>.+?) (?:and|with|to|versus|vs) ", r" COMPARE \g<a> and "),
    (r"^ who (?:is|was) the author of ", " who wrote "),
    (r"^ who (?:is|was) the inventor of ", " who invented "),
    (r"^ (?:which|what|in which|in what) year (?=(?:did|was|were) )", " what year "),
    (r"^ at what time ", " what time "),
]  # fmt: skip
"""What opens a wish, as it is said and as it is compared; put through one after another."""
_PHRASES = [
    ("in order to", "to"),
    (
        "into(?= (?:french|german|spanish|italian|english|latin|dutch|portuguese|russian|japanese|chinese|korean) )",
        "to",
    ),
    ("due to", "because of"),
    ("for instance", "for example"),
    ("a lot of|lots of|plenty of", "many"),
    ("as soon as possible", "asap"),
    ("(?:the )?(?:United States of America|United States|united states|usa|US)", "USA"),
    ("(?:the )?(?:United Kingdom|united kingdom|uk)", "UK"),
    ("at the moment|at present|right now", "currently"),
    ("cell phone|cellphone|mobile phone|cellular phone", "mobile"),
    ("web site", "website"),
    ("with regard to|with respect to|regarding|concerning", "about"),
    ("what (?:kinds?|sorts?|types?) of", "what type of"),
]
_TWINS = dict(
    pair.split("=")
    for pair in """advantages=benefits pros=benefits disadvantages=drawbacks downsides=drawbacks cons=drawbacks
    purchase=buy purchasing=buying commence=begin start=begin starts=begins starting=beginning repair=fix
    repairing=fixing children=kids child=kid automobile=car automobiles=cars movie=film movies=films picture=photo
    pictures=photos big=large bigger=larger biggest=largest fast=quick rapidly=quickly methods=ways kinds=types sorts=types kind=type major=main
    telephone=phone telephones=phones enhance=improve enhancing=improving decrease=reduce
    decreasing=reducing assist=help obtain=get choose=select construct=build constructing=building easy=simple
    simply=easily hard=difficult well-known=famous renowned=famous happen=occur happens=occurs
    roughly=approximately nearly=almost whole=entire television=tv sick=ill physician=doctor physicians=doctors
    attorney=lawyer attorneys=lawyers couch=sofa infant=baby infants=babies remove=delete
    removing=deleting novice=beginner novices=beginners inexpensive=cheap intelligent=smart wonderful=marvelous
    bicycle=bike bicycles=bikes refrigerator=fridge examination=exam examinations=exams demonstrate=show
    via=through perhaps=maybe attempt=try responses=replies firm=company firms=companies tv's=television's
    reply=answer quicker=faster swiftly=quickly frequently=often ideas=suggestions tips=pointers Earth=earth""".split()
)
"""Words for words: one to one, and only where swapping them changes no question that makes sense both ways."""


@cache
def _rules() -> tuple[list[tuple[re.Pattern[str], str]], list[tuple[re.Pattern[str], str]]]:
    """What is put through anywhere, and what opens a wish. Compiled for the first wish, not for a cold start."""
    anywhere = [(re.compile(rf"(?<= )(?:{pattern})(?= )"), into) for pattern, into in _PHRASES]
    return anywhere, [(re.compile(pattern), into) for pattern, into in _OPENERS]


@lru_cache(maxsize=1024)
def plainly(found: tuple[str, ...]) -> tuple[str, ...]:
    """Content tokens, with what can be said in several ways said in one. Atoms are not touched."""
    held: list[str] = []
    parts: list[str] = []
    for token in found:
        if _ATOM.match(token) or token.isspace():
            parts.append(f"{_HELD}{len(held)}")
            held.append(token)
        else:
            parts.append(token)
    text = f" {' '.join(parts)} "
    anywhere, opening = _rules()
    for pattern, into in anywhere:
        text = pattern.sub(into, text)
    for pattern, into in opening:
        text = re.sub(" +", " ", pattern.sub(into, text, count=1))
    words = [_TWINS.get(word, word) for word in text.split(" ") if word]
    words = ["a" if word == "an" else word for word in words]
    return tuple(held[int(word[1:])] if word[0] == _HELD else word for word in words)
