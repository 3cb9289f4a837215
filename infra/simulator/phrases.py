"""Sentences from which the simulator composes, each with a place for the subject.

`{s}` is the subject whole, `{t}` its noun, `{w}` what is asked about it, `{k}` something that belongs to it, `{a}`
its readers, `{T}` and `{H}` subject and noun as titles. They stand after a preposition or a verb that takes an object,
so that one sentence serves singular, plural and clause alike.
"""

from dataclasses import dataclass

# Stands for `{k}` where neither the brief nor the lexicon knows anything that belongs to the subject.
DETAILS = ("the details", "the background", "practice", "the context")


@dataclass(frozen=True, slots=True)
class Facet:
    """One side of a subject: how a section about it may be headed, what can be said, what can be listed."""

    headings: tuple[str, ...]
    sentences: tuple[str, ...]
    points: tuple[str, ...]


TITLES = (
    "{T}: A Practical Guide",
    "{T}: What Matters and Why",
    "{T}, Step by Step",
    "{T}: The Essentials",
    "{T}, Explained Without the Jargon",
    "A Clear-Eyed Look at {T}",
)
# For a subject that is a clause: "Why Tea Cools".
CLAUSE_TITLES = tuple(title for title in TITLES if title.startswith("{T}"))

OPENINGS = (
    "Most people meet {t} long before they think about {w}, and that is a good reason to look again.",
    "There is no shortage of advice about {s}, but much of it skips the part that {a} need most.",
    "A large number of people have wondered about {s}, and the answer begins with {k}.",
    "A good account of {s} rarely comes from a single insight; it comes from putting plain facts about {t} in order.",
    "Ask five people about {s} and the answers will differ, yet {k} will come up in nearly all of them.",
)

PROMISES = (
    "This piece sets out what is known about {t}, how it bears on {w}, and what {a} can take from it.",
    "What follows moves from the background of {t} to the practical, with {k} kept in view throughout.",
    "The aim here is modest: to give {a} a clear picture of {t} and of what to make of {w}.",
    "The sections below look at {t} from several sides, with {w} as the thread between them.",
)

CLOSINGS = (
    "So much for {s}: look at {k} first, and the rest of {t} is easier to understand.",
    "There is always more to learn about {t}, but with {k} in mind the next question is easier to ask.",
    "In the end the way to understand {w} is to look at {t} directly, with patience and an eye on {k}.",
    "For {a}, the next step with {t} is simple: watch {k} for a while and compare it with what is said here.",
)

FACETS = {
    "case": Facet(
        ("A Closer Look at {H}", "Why Look at {H}", "What There Is to See in {H}"),
        (
            "Interest in {t} has a plain reason: {w} can touch more of daily life than expected.",
            "Much of what is said about {t} is repeated from memory, so it pays to look at {k} with fresh eyes.",
            "The first thing to notice about {t} is how much depends on {k}.",
            "People who know {t} well tend to start from {w}, because so much of the rest follows from there.",
            "It is worth remembering that {k} can change the whole picture of {t}.",
            "Even a short look at {w} shows that {t} can surprise those who thought that they knew it.",
            "Questions about {t} usually turn out to be questions about {k}.",
            "To understand {w} is to understand a good part of {t}.",
        ),
        (
            "What {k} can do to {t}.",
            "What to learn about {t} from {w}.",
            "Why so much that is said about {t} leaves out {k}.",
        ),
    ),
    "background": Facet(
        ("A Short History of {H}", "{H} in the Past", "Where the Story of {H} Begins"),
        (
            "People paid attention to {t} long before anyone wrote about {w}.",
            "Early accounts of {t} were practical: they described {k} and left the reasons open.",
            "Later, careful observers began to ask about {w} and to compare what they saw.",
            "A turning point for {t} came when {k} could be measured and not only described.",
            "Not every old idea about {t} was wrong; several that concern {k} have held up very well.",
            "Much of the vocabulary of {t} dates from that time, including words for {k}.",
            "Seen over many years, knowledge of {w} has grown in small steps.",
        ),
        (
            "Early accounts of {t}, with {k} in the middle.",
            "First measurements of {w}.",
            "Old ideas about {t} that have held up.",
        ),
    ),
    "mechanism": Facet(
        ("How It Works: {H}", "Behind {H}", "What Happens With {H}"),
        (
            "In order to follow {s}, it helps to take {t} apart into a few simple pieces.",
            "The first piece of {t} to look at is {k}, since the others follow from it.",
            "Then look at {w}, easiest to see when nothing else about {t} changes.",
            "Change {k} a little, and what happens with {t} changes as well.",
            "The pieces work on each other, so nobody can explain {w} by {k} alone.",
            "A simple sketch of {t}, with {k} in the middle, will often reveal what a page of text hides.",
            "Put together, these pieces account for most of what can be seen of {w}.",
        ),
        (
            "Start from {k} and follow it through {t}.",
            "Look at {w} with everything else held still.",
            "Compare {t} before and after a change in {k}.",
        ),
    ),
    "benefits": Facet(
        ("What {H} Can Teach", "What There Is to Gain From {H}", "Good Reasons to Know {H}"),
        (
            "Knowing more about {t} makes it easier to get {k} right.",
            "For {a}, the clearest gain is confidence: there is less mystery in {w}.",
            "Those who understand {w} see small changes in {t} sooner than others do.",
            "There is pleasure in it too, because {t} will reward a second look.",
            "Much that is learned from {t} carries over to other things that depend on {k}.",
            "It saves effort as well, provided that one looks at {k} before anything else about {t}.",
        ),
        (
            "A better eye for {k}.",
            "Fewer wrong guesses about {w}.",
            "More enjoyment of {t}.",
        ),
    ),
    "limits": Facet(
        ("What Is Easy to Get Wrong About {H}", "The Limits of {H}", "Common Mistakes With {H}"),
        (
            "An honest account of {t} has to include what is hard about {w}.",
            "The most common mistake is to look at {t} and to forget {k}.",
            "A second mistake is to expect {w} to be the same everywhere, whatever the place and the season.",
            "Figures about {t} deserve a second look, particularly round ones that concern {k}.",
            "When two sources on {t} disagree, they often mean different things by {w}.",
            "Some questions about {t} are still open, and several of them involve {k}.",
        ),
        (
            "Do not judge {t} by {k} alone.",
            "Expect {w} to differ from place to place.",
            "Check round figures about {t}.",
        ),
    ),
    "people": Facet(
        ("{H} and the People Around It", "People and {H}", "Who Knows {H} Best"),
        (
            "Behind every account of {t} there are people who spent a long time with {k}.",
            "Some study {w}, some use it every day, and both see a different side of {t}.",
            "For {a} the second group is a good place to start, because they talk about {k} in plain words.",
            "Children often ask the best questions about {t}, and some are usually about {w}.",
            "Those who work with {t} notice {k} first, long before a book would mention it.",
        ),
        (
            "Ask someone who knows {t} about {k}.",
            "Listen for {w} in the stories that they tell.",
            "Collect the questions that newcomers ask about {t}.",
        ),
    ),
    "start": Facet(
        ("A First Step With {H}", "See {H} for Yourself", "Where to Begin With {H}"),
        (
            "The best place to begin with {t} is close at hand: look at {k} once, without hurry.",
            "Write down what is expected of {w} before starting, since memory is generous.",
            "Then change one thing about {k}, and see what that does to {t}.",
            "Do it a second time, because a single look at {t} can mislead.",
            "A few notes about {w} are enough to see a pattern by the end.",
            "After that, a book or a museum that covers {t} will say a great deal more about {k}.",
        ),
        (
            "Pick one example of {t} and look at {k}.",
            "Write down one guess about {w}.",
            "Change one thing and look at {t} again.",
            "Compare the result with the guess about {w}.",
        ),
    ),
    "measure": Facet(
        ("Measuring {H}", "{H} in Figures", "How {H} Can Be Observed"),
        (
            "To measure {t} is to choose what to leave out, and {k} should stay in.",
            "A good measure of {w} can be taken twice with the same result.",
            "Two figures for {t} are better than one, provided that they can disagree.",
            "A series tells more about {w} than a single value, because it shows the direction.",
            "When a figure for {k} moves, ask first whether anything about {t} has changed.",
        ),
        (
            "Measure {k} at the same time each day.",
            "Write down every value for {t}, the odd ones too.",
            "Plot {w} before drawing a conclusion.",
        ),
    ),
    "future": Facet(
        ("What Comes Next for {H}", "The Future of {H}", "Open Questions About {H}"),
        (
            "Predictions about {t} age badly, yet a few about {k} look safe enough.",
            "Better instruments are likely to show {w} in finer detail.",
            "For {a} this means that there will be more to read about {t}, and more to sort.",
            "The open questions about {t} are mostly small ones, with {k} in the middle of them.",
            "Whatever arrives, {w} will remain a good way into the subject of {t}.",
        ),
        (
            "Finer measurements of {w}.",
            "New ideas about {k}.",
            "Better pictures of {t}.",
        ),
    ),
}

FINDINGS = (
    "Accounts of {t} put {k} first, and disagree about the rest.",
    "Most introductions to {t} begin with {w}.",
    "Observers of {t} report the clearest results where they watched {k} for longer.",
    "Experts on {t} name {w} as the part that is most often misunderstood.",
    "The history of {t} shows that people knew {k} long before they could explain much.",
    "Descriptions of {w} differ from place to place, mostly because of differences in {k}.",
    "Public figures on {k} remain patchy, and definitions differ between sources on {t}.",
    "Small experiments with {t} are enough to show {w} to {a}.",
    "Reference works on {t} give {k} a chapter of its own.",
    "Several reviews of {s} recommend a direct look at {k} before any theory.",
    "Questions about {w} are among the first that newcomers to {t} ask.",
    "Recent work on {t} looks at {k} in finer detail than was possible before.",
)

SOURCES = (
    ("Annual Review: {T}", "https://example.org/reviews/{slug}"),
    ("Field Notes on {T}", "https://example.com/field-notes/{slug}"),
    ("A Handbook of {H}", "https://example.org/handbook/{slug}"),
    ("{T}: Survey Results", "https://example.net/surveys/{slug}"),
    ("Lessons From {H}", "https://example.com/lessons/{slug}"),
    ("{T}: The State of the Field", "https://example.org/state-of/{slug}"),
)

REPLIES = (
    "This is a simulated answer about {s}: no model was called, so treat it as a sample.",
    "Here is a simulated answer about {s}; no model was called to write it.",
    "What follows is a simulated answer about {s}, written without a model.",
)

OFFERS = (
    "If you tell me more about {k}, I can say more about {t}.",
    "I can turn this into a checklist, an article or a short summary about {t}.",
    "Say which part of {t} matters most to you, and I will start from there.",
)

THOUGHTS = (
    "The request concerns {s}. I should identify what the reader needs first and keep the answer well organised.",
    "Someone asks about {s}. The useful order is background, practice, limits, then a next step.",
    "I need to address {s} directly, mention {k}, and avoid claims that cannot be supported.",
)

# What a light edit changes: wordiness on the left, the plain form on the right. Applied in order, whole words
# only.
EDITS = (
    ("in order to", "to"),
    ("In order to", "To"),
    ("a great deal more", "far more"),
    ("It is worth remembering that", "Remember that"),
    ("There is no shortage of advice about", "Advice is plentiful on"),
    ("Most people meet", "Most readers meet"),
    ("at the present time", "now"),
    ("due to the fact that", "because"),
    ("a large number of", "many"),
    ("A large number of", "Many"),
    ("prior to", "before"),
    ("utilise", "use"),
    ("utilize", "use"),
    ("in the event that", "if"),
    ("has to include", "must include"),
    ("will often reveal", "often reveals"),
    ("The aim here is modest:", "The aim is modest:"),
    ("provided that", "as long as"),
    ("the answers will differ, yet", "the answers differ, yet"),
    ("What follows moves", "The text moves"),
    ("are likely to show", "will probably show"),
    ("Whatever arrives,", "Whatever comes,"),
    ("is close at hand: look", "is close at hand; look"),
    ("it pays to look", "it is worth looking"),
    ("Much of what is said", "Much that is said"),
    ("usually turn out to be", "are usually"),
    ("since memory is generous", "as memory is generous"),
)
