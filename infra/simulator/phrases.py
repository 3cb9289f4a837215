"""Sentences from which the simulator composes. `{s}` is the subject, `{k}` a detail of the brief, `{a}` its
readers.

The subject always stands after a preposition, so that one sentence serves singular, plural and clause alike.
"""

from dataclasses import dataclass

# Stands for `{k}` where the brief names no details of its own.
DETAILS = (
    "the everyday details",
    "timing",
    "upkeep",
    "the first step",
    "cost",
    "the handover",
    "shared knowledge",
)


@dataclass(frozen=True, slots=True)
class Facet:
    """One side of a subject: how a section about it may be headed, what can be said, what can be listed."""

    headings: tuple[str, ...]
    sentences: tuple[str, ...]
    points: tuple[str, ...]


TITLES = (
    "{T}: A Practical Guide",
    "{T}: What Matters and What to Do Next",
    "Understanding {T}, Step by Step",
    "{T}: The Essentials",
    "{T}, Explained Without the Jargon",
    "A Clear-Eyed Look at {T}",
)

BENEFITS = (
    "Easy to live with every day",
    "Steady in use and simple to look after",
    "Ready in minutes, without a manual",
    "A choice that keeps its worth",
)
HEADLINES = ("Meet the {T}", "{T}: Made to Be Used", "The {T} You Will Keep", "{T}, Simply Done Well")

OPENINGS = (
    "Most people meet {s} in fragments: a headline here, a strong opinion there, and very little in between.",
    "There is no shortage of advice about {s}, but much of it skips the part that {a} need most.",
    "A year ago a conversation about {s} might have ended quickly; today it tends to fill the rest of the meeting.",
    "Good decisions about {s} rarely come from a single insight; they come from putting a few plain facts in order.",
    "Ask five people about {s} and the answers will differ, yet a common thread runs through all of them.",
)

PROMISES = (
    "This piece sets out what is known, where the difficulties lie, and what {a} can do about them this week.",
    "What follows moves from the background to the practical, with {k} kept in view throughout.",
    "The aim here is modest: to give {a} enough structure to ask better questions and to act on the answers.",
    "The sections below can be read in any order, although together they make one argument about {k}.",
)

CLOSINGS = (
    "None of this asks for perfection. A first step with {s}, taken soon and reviewed"
    " honestly, is worth more than a plan that waits for certainty.",
    "The subject will keep moving, but the habits described here travel well: look"
    " closely, start small, and write down what was learned.",
    "In the end the value of {s} shows in ordinary weeks rather than in"
    " launches, and that is where attention to {k} pays off.",
    "For {a}, the next move is simple: choose one idea from this page, try it,"
    " and compare the result with what was expected.",
)

FACETS = {
    "case": Facet(
        ("The Case for a Closer Look", "Why This Matters Now", "What Is at Stake"),
        (
            "Interest in {s} has grown for a plain reason: the cost of ignoring it"
            " is now easier to see than the cost of acting.",
            "Three years ago the discussion stayed among specialists, whereas today it reaches {a} directly.",
            "The strongest argument is not novelty but repetition, since the same"
            " problems return whenever {k} is left to chance.",
            "Small improvements here compound, because every later decision inherits the quality of the first one.",
            "It is worth remembering that early attention is cheap, while late correction seldom is.",
            "Those who work with {s} every day describe the same pattern: slow"
            " beginnings, then a sudden change in what feels normal.",
            "Even sceptics grant that the question deserves better evidence than it usually gets.",
            "What makes the moment different is that the tools have become"
            " ordinary, so the limits are now mostly human.",
            "A careful look at {k} shows how much depends on choices that nobody remembers making.",
        ),
        (
            "The benefits reach people who never chose to take part.",
            "Waiting has a price, even where it never appears on an invoice.",
            "The evidence is better than it was, and easier to check.",
        ),
    ),
    "background": Facet(
        ("Where It Comes From", "A Short History", "How We Got Here"),
        (
            "The roots of {s} go back further than most accounts suggest, and the"
            " early choices still shape what is possible.",
            "At first the practice was local and improvised, passed on by people who had learned it by doing.",
            "Each generation kept what worked and quietly dropped the rest, which"
            " is why the record looks tidier than it was.",
            "A turning point came when methods were written down, because only then could they be compared.",
            "Later, cheaper materials and faster communication brought {k} within reach of far more people.",
            "Not every change was progress; some good habits were lost and are only now being recovered.",
            "Seen over decades, the direction is clear, although any single year looks confused.",
            "Much of today's vocabulary dates from that period, including several words that mislead newcomers.",
        ),
        (
            "Early practice was local, informal and rarely recorded.",
            "Written methods made comparison possible for the first time.",
            "Falling costs opened the field to smaller groups.",
        ),
    ),
    "mechanism": Facet(
        ("How It Works in Practice", "The Moving Parts", "Under the Surface"),
        (
            "In practice the work around {s} falls into three parts: noticing a need,"
            " choosing a response, and checking the result.",
            "The first part is underrated, since a need that is described badly"
            " leads to a response that nobody wanted.",
            "Choosing well means naming the alternatives out loud, including the alternative of doing nothing.",
            "Checking the result takes less time than people fear, provided that the measure was agreed in advance.",
            "Most failures happen at the joints between these parts, where one group hands over to another.",
            "A simple sketch on paper, with {k} in the middle, will often"
            " reveal the joint that is about to give way.",
            "Where the parts are kept separate, each can be improved without disturbing the others.",
            "The details vary from place to place, but this rhythm of need, response and check hardly changes.",
            "Experienced hands add one more habit: they stop early in order to look at what has already changed.",
        ),
        (
            "Describe the need in one sentence before proposing anything.",
            "Compare at least two responses, one of them modest.",
            "Agree how the result will be judged before starting.",
        ),
    ),
    "benefits": Facet(
        ("What There Is to Gain", "Benefits That Last", "The Upside, Honestly Stated"),
        (
            "The first benefit that {a} notice is time: fewer repeated"
            " discussions and fewer surprises late in the week.",
            "The second is confidence, because a clear approach to {s} makes it possible to say no without drama.",
            "Quality improves too, though more gradually, and usually in places where nobody was looking for it.",
            "There is also a quieter gain in trust, as people see that promises about {k} are kept.",
            "Costs tend to fall after the first cycle, once the early learning no longer has to be paid for.",
            "None of these gains is automatic, but each is common enough to plan for.",
            "The effect is strongest where the starting point was weakest, which is good news for beginners.",
            "Over a longer period the main advantage is resilience: a setback becomes a detour and not an ending.",
        ),
        (
            "Less rework, because expectations are written down.",
            "Clearer decisions, with reasons that can be revisited.",
            "A steadier pace, which people find easier to sustain.",
        ),
    ),
    "limits": Facet(
        ("Costs, Limits and Trade-offs", "What Can Go Wrong", "Reading the Small Print"),
        (
            "An honest account of {s} has to include the costs, some of which arrive well before the benefits.",
            "The most common mistake is to copy a success from elsewhere without the conditions that made it one.",
            "A second mistake is scale: what works for ten people can become a burden for a thousand.",
            "Attention is a cost as well, and {a} have less of it to spare than any plan assumes.",
            "Some trade-offs cannot be removed, only chosen deliberately and explained to those who live with them.",
            "Figures quoted about {k} deserve a second look, particularly the round ones.",
            "When two sources disagree, the reason is usually a difference in definition and not in fact.",
            "It helps to decide beforehand which result would count as a reason to stop.",
        ),
        (
            "Borrowed methods fail where borrowed conditions are missing.",
            "Round numbers usually hide an assumption.",
            "A rule for stopping is as useful as a rule for starting.",
        ),
    ),
    "people": Facet(
        ("The People Involved", "Who Does the Work", "Voices From the Field"),
        (
            "Behind every account of {s} there are people whose names seldom appear in it.",
            "Some plan, some build, some repair, and the best results come where these groups share a table.",
            "For {a} the relationship matters as much as the method, because"
            " advice travels only as far as trust does.",
            "Newcomers see what habit has hidden, so their questions should be"
            " collected before they stop asking them.",
            "Those closest to {k} usually know first when something is about to fail.",
            "Listening to them costs an hour and routinely saves a month.",
            "Recognition matters too: a short note of thanks is remembered for a great deal longer than a target.",
            "Where responsibility is shared without being named, it tends to disappear.",
        ),
        (
            "Give each open question an owner and a date.",
            "Ask newcomers what surprised them in their first week.",
            "Bring the people who repair things into the planning.",
        ),
    ),
    "start": Facet(
        ("Where to Begin", "First Steps That Work", "Getting Started"),
        (
            "The best place to begin with {s} is smaller than it feels: one example, one week, one person who cares.",
            "Write down what is expected before starting, since memory is generous to whatever happens next.",
            "Choose a case that matters but would survive a failure, and resist the urge to add a second one.",
            "Keep the first review short and specific, with {k} as the only item on the list.",
            "By the second week the awkward questions will have surfaced, which is exactly what the exercise is for.",
            "If nothing has changed after a month, the starting point was probably too vague to test.",
            "Borrow freely from neighbours who are one step ahead rather than from experts who are ten.",
            "Then repeat, a little larger, keeping the notes where everyone can find them.",
        ),
        (
            "Pick one real case and describe it in five lines.",
            "Set a date for the first review before the work begins.",
            "Write down one result that would change your mind.",
            "Share the notes, including the parts that did not work.",
        ),
    ),
    "measure": Facet(
        ("Measuring Progress", "How to Tell if It Is Working", "Evidence Worth Having"),
        (
            "Progress with {s} is easier to claim than to show, so it pays to decide early what would count.",
            "A good measure can be collected without extra work and understood without a legend.",
            "Two numbers are better than one, provided that they can disagree with each other.",
            "Trends deserve more attention than totals, because a total hides the week in which everything changed.",
            "Stories are evidence as well, particularly those that {a} tell without being asked.",
            "When a figure about {k} moves, the first question is whether the world changed or only the counting.",
            "Publishing the result, good or bad, keeps the measure honest.",
            "After a while the measure itself should be reviewed, as people learn to please it.",
        ),
        (
            "Choose one number and one story for each review.",
            "Record the starting point before anything changes.",
            "Look at the trend over six weeks and not over six days.",
        ),
    ),
    "future": Facet(
        ("What Comes Next", "Looking Ahead", "The Road From Here"),
        (
            "Predictions about {s} age badly, yet a few directions look safe enough to prepare for.",
            "The tools will become cheaper and less visible, which moves the"
            " advantage to those with clear questions.",
            "Standards are likely to follow, first as shared habits and later as formal rules.",
            "For {a} this means that skills of judgement will hold their value longer than skills of operation.",
            "Expect the boundary between amateur and professional to blur further, with {k} as an early sign.",
            "A sensible plan leaves room for surprise: it commits to the next step and only sketches the one after.",
            "Whatever arrives, the ability to learn in public will remain an advantage.",
            "The quiet work done now is what will make the next change feel easy.",
        ),
        (
            "Prefer tools that can be left again without regret.",
            "Invest in questions, since answers are getting cheaper.",
            "Revisit the plan every quarter, on a fixed day.",
        ),
    ),
}

FINDINGS = (
    "Interest in {s} has risen steadily over the past five years, with the"
    " sharpest growth among smaller organisations.",
    "Surveys of {a} put lack of time, and not lack of money, as the first obstacle to {k}.",
    "Projects that agreed on a measure in advance were roughly twice as likely to report a clear result.",
    "Costs fall by about a fifth after the first cycle, mostly because early mistakes are not repeated.",
    "Experts on {s} disagree about pace, but agree that small trials beat large plans.",
    "Independent reviews found that written expectations reduced rework in most of the cases studied.",
    "The history of {s} shows two earlier waves of enthusiasm, both of which faded for want of maintenance.",
    "Training of half a day was enough for most participants to take part without further help.",
    "Reported benefits cluster around time saved, fewer errors and better cooperation between groups.",
    "The main risk named in the literature is copying a method without the conditions that made it work.",
    "Public data on {k} remains patchy, and definitions differ between sources.",
    "Recent guidance recommends a review after six weeks, followed by a decision to extend, change or stop.",
)

SOURCES = (
    ("Annual Review: {T}", "https://example.org/reviews/{slug}"),
    ("Field Notes on {T}", "https://example.com/field-notes/{slug}"),
    ("A Handbook for Practitioners", "https://example.org/handbook/{slug}"),
    ("{T}: Survey Results", "https://example.net/surveys/{slug}"),
    ("Lessons From Twelve Projects", "https://example.com/lessons/{slug}"),
    ("{T}: The State of the Field", "https://example.org/state-of/{slug}"),
)

REPLIES = (
    "The short answer on {s} is that it depends on what you want from it, but a few things hold almost everywhere.",
    "A good way to think about {s} is to separate what is known from what is merely repeated.",
    "It helps to start with the everyday side of {s}, because that is where most questions come from.",
    "There are two parts to a useful answer about {s}: what it involves, and what to do about it.",
)

OFFERS = (
    "If you tell me a little more about {k}, I can make this more specific.",
    "I can turn this into a checklist, a longer piece or a short summary, whichever helps most.",
    "Say which part matters most to you and I will go into the detail.",
    "If it would help, I can compare two or three concrete options next.",
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
    ("a great deal longer", "far longer"),
    ("It is worth remembering that early", "Early"),
    ("There is no shortage of advice about", "Advice is plentiful on"),
    ("some of which arrive well before", "and some arrive before"),
    ("Most people meet", "Most readers meet"),
    ("tends to fill", "often fills"),
    ("at the present time", "now"),
    ("due to the fact that", "because"),
    ("a large number of", "many"),
    ("prior to", "before"),
    ("utilise", "use"),
    ("utilize", "use"),
    ("in the event that", "if"),
    ("has to include", "must include"),
    ("will often reveal", "often reveals"),
    ("easier to see than", "plainer than"),
    ("It helps to decide", "Decide"),
    ("far more people", "many more people"),
    ("The aim here is modest:", "The aim is modest:"),
    (
        "What makes the moment different is that the tools have become ordinary",
        "The tools have become ordinary",
    ),
    ("provided that", "as long as"),
    ("which is good news for beginners", "good news for beginners"),
    ("Small improvements here compound", "Small improvements compound"),
    ("since a need that is described badly leads to", "since a badly described need leads to"),
    ("the answers will differ, yet", "the answers differ, yet"),
    ("is easier to claim than to show, so it pays to decide", "is easier to claim than to show; decide"),
    ("Most failures happen at", "Most failures occur at"),
    ("usually in places where nobody was looking for it", "usually where nobody was looking"),
    ("Write down what is expected before starting, since", "Write down what you expect before you start, as"),
    ("are likely to follow", "will probably follow"),
    ("is what will make the next change feel easy", "makes the next change feel easy"),
    ("Whatever arrives, the ability", "Whatever comes, the ability"),
    ("is automatic, but each is common enough to plan for", "is automatic, but each can be planned for"),
    ("resist the urge to add a second one", "resist adding a second"),
    ("keeps the measure honest", "keeps it honest"),
)
