"""Writes the simulator's English: the same conversation and model always give the same text."""

import random
import re
from collections.abc import Callable

from infra.simulator import brief, intent, phrases
from infra.simulator.answer import Turn
from infra.simulator.brief import Brief


class Pen:
    """A brief, a seeded choice, and the rule that no sentence is used twice."""

    def __init__(self, subject: Brief, seed: int) -> None:
        self.brief = subject
        self.rng = random.Random(seed)
        self._used: set[str] = set()
        self._mentions = 0

    def fill(self, template: str) -> str:
        """A template with subject, detail and readers in place."""
        details = self.brief.details or phrases.DETAILS
        text = template.replace("{T}", self.brief.titled).replace("{slug}", self.brief.slug)
        text = text.replace("{k}", self.rng.choice(details))
        if "{s}" in text:
            text = text.replace("{s}", self._named())
        return text.replace("{a}", self.brief.readers)

    def _named(self) -> str:
        """The subject in full at first and now and then, between that in short."""
        at = self._mentions
        self._mentions += 1
        if self.brief.phrase != self.brief.subject:
            return ("this question", "the subject", "this")[at % 3] if at % 4 else self.brief.phrase
        return "the subject" if at % 3 == 2 else self.brief.phrase

    def pick(self, bank: tuple[str, ...]) -> str:
        """An unused sentence of the bank, filled; any of them once all are used."""
        fresh = [line for line in bank if line not in self._used] or list(bank)
        line = self.rng.choice(fresh)
        self._used.add(line)
        text = self.fill(line)
        return text[:1].upper() + text[1:]

    def paragraphs(self, bank: tuple[str, ...], first: int, second: int) -> tuple[str, str]:
        """Two paragraphs of that many sentences, in the bank's own order."""
        sentences = self.paragraph(bank, first + second).replace("\n", " ")
        parts = re.split(r"(?<=[.!?])\s(?=[A-Z])", sentences)
        return " ".join(parts[:first]), " ".join(parts[first:])

    def paragraph(self, bank: tuple[str, ...], length: int) -> str:
        """`length` sentences in the bank's own order, so that they follow from each other."""
        fresh = [line for line in bank if line not in self._used] or list(bank)
        chosen = sorted(self.rng.sample(range(len(fresh)), min(length, len(fresh))))
        self._used.update(fresh[i] for i in chosen)
        return " ".join(_capital(self.fill(fresh[i])) for i in chosen)

    def facets(self, number: int) -> list[phrases.Facet]:
        """Facets in reading order, always with an opening case and a way to begin."""
        names = list(phrases.FACETS)
        middle = [name for name in names if name not in {"case", "start", "future"}]
        chosen = set(self.rng.sample(middle, max(0, min(number - 2, len(middle)))))
        kept = [name for name in names if name in chosen or name in {"case", "start"}]
        if number > 5:
            kept = [*(name for name in kept if name != "people"), "future"]
        return [phrases.FACETS[name] for name in kept]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def article(pen: Pen, words: int | None = None) -> str:
    """Markdown of about `words` words: a title, an introduction, sections of prose, one list, and an end."""
    parts = [f"# {pen.pick(phrases.TITLES)}", f"{pen.pick(phrases.OPENINGS)} {pen.pick(phrases.PROMISES)}"]
    wished = words or 650 + pen.rng.randrange(150)
    facets = pen.facets(max(2, min(9, round(wished / 130))))
    first_length, second_length = (5, 3) if wished > 1_100 else (4, 2 + pen.rng.randrange(2))
    listed = len(facets) - 1 if pen.rng.random() < 0.5 else len(facets) - 2
    for at, facet in enumerate(facets):
        parts.append(f"## {pen.rng.choice(facet.headings)}")
        first, second = pen.paragraphs(facet.sentences, first_length, second_length)
        parts.append(first)
        if at == listed:
            parts.append("\n".join(f"- {pen.fill(point)}" for point in facet.points))
        parts.append(second)
    parts.append(pen.pick(phrases.CLOSINGS))
    return "\n\n".join(parts) + "\n"


def notes(pen: Pen) -> str:
    """Bulleted findings with [n] citations, then the numbered sources."""
    sources = pen.rng.sample(phrases.SOURCES, 4)
    number = 8 + pen.rng.randrange(3)
    chosen = sorted(pen.rng.sample(range(len(phrases.FINDINGS)), number))
    lines = [f"Findings on {pen.brief.phrase}:", ""]
    for at, index in enumerate(chosen):
        mark = f"[{at % 4 + 1}]" if at % 3 else f"[{at % 4 + 1}][{(at + 1) % 4 + 1}]"
        text = _capital(pen.fill(phrases.FINDINGS[index]))
        lines.append(f"- {text.rstrip('.')} {mark}.")
    lines += ["", "Sources:", ""]
    lines += [f"[{i}] {pen.fill(title)}, {pen.fill(url)}" for i, (title, url) in enumerate(sources, 1)]
    return "\n".join(lines) + "\n"


def chat(pen: Pen) -> str:
    """Three or four short paragraphs."""
    first, second = pen.rng.sample(sorted(phrases.FACETS), 2)
    parts = [f"{pen.pick(phrases.REPLIES)} {pen.paragraph(phrases.FACETS['mechanism'].sentences, 2)}"]
    parts += [pen.paragraph(phrases.FACETS[name].sentences, 3) for name in (first, second)]
    parts.append(pen.pick(phrases.OFFERS))
    return "\n\n".join(parts)


def listing(pen: Pen, number: int) -> str:
    """A numbered list of the length asked for."""
    points = [point for facet in phrases.FACETS.values() for point in facet.points]
    pen.rng.shuffle(points)
    while len(points) < number:
        points += [pen.rng.choice(phrases.FINDINGS) for _ in range(number)]
    lines = [f"{i}. {_capital(pen.fill(point))}" for i, point in enumerate(points[:number], 1)]
    return f"Here are {number} on {pen.brief.phrase}:\n\n" + "\n".join(lines)


def pitch(pen: Pen, features: tuple[str, ...] = ()) -> str:
    """Three sentences that sell, with the first of the features named."""
    told = [
        feature for feature in features if len(feature) < 60 and feature.lower() != pen.brief.subject.lower()
    ]
    named = [feature[:1].lower() + feature[1:] for feature in told[:3]]
    listed = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else "a finish that lasts"
    return (
        f"Meet the {pen.brief.titled}, made for {pen.brief.readers} who would rather get on with the day. It comes"
        f" with {listed}, and every part of it has a reason to be there. It is simple to start with, steady in daily"
        " use and easy to look after."
    )


def product(pen: Pen) -> str:
    """A product description: headline, two paragraphs, features."""
    details = list(pen.brief.details[:4]) or ["everyday use", "easy care"]
    features = [
        f"- **{detail.capitalize()}**: considered from the first sketch, not added at the end."
        for detail in details
    ]
    features.append("- **Made to last**: parts that wear can be replaced in minutes, without special tools.")
    return "\n\n".join(
        [
            f"# {pen.brief.titled}",
            pitch(pen),
            "The materials are chosen to age well, the details are finished by hand, and nothing is hidden behind a"
            " manual.",
            "\n".join(features),
            "Try it for thirty days. If it does not earn its place, send it back.",
        ]
    )


def critique(pen: Pen, document: str) -> str:
    """Strengths and weaknesses of the document carried, in bullets."""
    headings = re.findall(r"(?m)^## (.+)", document)
    named = f"the section \u201c{headings[0]}\u201d" if headings else "the opening paragraph"
    late = f"\u201c{headings[-1]}\u201d" if headings else "the last paragraph"
    return "\n".join(
        [
            "**Strengths**",
            f"- The structure carries a reader through {pen.brief.phrase} without a detour.",
            f"- {_capital(named)} states its claim early and supports it.",
            "",
            "**Weaknesses**",
            "- Two claims about cost stand without a source and should be qualified.",
            f"- {_capital(late)} repeats an earlier point; one of the two can go.",
            "",
            "**Suggestion**",
            "- Shorten the introduction by a third and name the reader in its first sentence.",
        ]
    )


def summary(pen: Pen, document: str) -> str:
    """Three or four sentences: the document's own where there is one."""
    lines = [line for line in document.splitlines() if line and line[0] not in "#-*[>`"]
    chosen = [re.split(r"(?<=[.!?])\s", line)[0] for line in lines if len(line) > 60][:4]
    if chosen:
        return " ".join(chosen)
    return f"{pen.pick(phrases.OPENINGS)} {pen.paragraph(phrases.FACETS['benefits'].sentences, 2)}"


def rewrite(pen: Pen, document: str) -> str:
    """The same document, lightly edited: wordiness goes, headings and facts stay, a closing thought is added."""
    text = document
    for before, after in phrases.EDITS:
        text = re.sub(rf"(?<!\w){re.escape(before)}(?!\w)", after, text)
    text = re.sub(r"\b([Vv])ery (?=\w)", "", text)
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip()
    known = {pen.fill(line)[:40] for line in phrases.CLOSINGS}
    paragraphs = text.split("\n\n")
    if (
        len(paragraphs) > 3
        and paragraphs[-1][:40] not in known
        and not paragraphs[-1].startswith(("-", "#", "["))
    ):
        paragraphs.append(pen.pick(phrases.CLOSINGS[:2]))
    if text == document and len(paragraphs) > 1:
        paragraphs[1] = f"{paragraphs[1].rstrip()} {pen.pick(phrases.PROMISES)}"
    return "\n\n".join(paragraphs) + "\n"


def outline(pen: Pen) -> str:
    """Headings with a line each."""
    lines = [f"# {pen.pick(phrases.TITLES)}", ""]
    for number, facet in enumerate(pen.facets(6), 1):
        lines.append(f"{number}. **{pen.rng.choice(facet.headings)}**: {pen.pick(facet.points)}")
    return "\n".join(lines)


def after_tools(turns: tuple[Turn, ...], pen: Pen) -> str:
    """An answer in words that uses what the tools returned since the user last spoke."""
    results: list[tuple[str, str]] = []
    for turn in reversed(turns):
        if turn.role == "tool":
            results.append((turn.name, turn.text.strip()))
        elif turn.role == "user":
            break
    parts = []
    for name, text in reversed(results):
        shown = text if len(text) <= 600 else text[:600].rsplit(" ", 1)[0] + " …"
        source = f"`{name}`" if name else "the tool"
        parts.append(f"According to {source}: {shown}" if shown else f"{_capital(source)} returned nothing.")
    return "\n\n".join([*parts, f"That answers the question about {pen.brief.phrase}."])


def _fitted(text: str, pen: Pen, number: int) -> str:
    """The text brought to about `number` words by whole sentences."""
    bank = [line for facet in phrases.FACETS.values() for line in facet.sentences]
    pen.rng.shuffle(bank)
    sentences = re.split(r"(?<=[.!?])\s+", text.strip())
    kept: list[str] = []
    total = 0
    for sentence in [*sentences, *(_capital(pen.fill(line)) for line in bank * 8)]:
        length = len(sentence.split())
        if total and total + length > number * 1.05:
            break
        kept.append(sentence)
        total += length
    return " ".join(kept)


def write(turns: tuple[Turn, ...], seed: int) -> str:
    """The answer in words to a conversation, in the form it asks for."""
    pen = Pen(brief.read(turns), seed)
    if turns and turns[-1].role == "tool":
        return after_tools(turns, pen)
    asked = brief.last_user(turns)
    wanted = intent.exact(asked)
    if wanted is not None:
        return wanted
    found = intent.arithmetic(asked)
    if found:
        expression, value = found
        terse = re.search(r"\b(?:only|just|nothing else|number alone)\b", asked, re.I)
        return value if terse else f"{expression} = {value}"
    return _in_form(intent.form(turns), pen, asked)


def _in_form(form: str, pen: Pen, asked: str) -> str:
    document = brief.document(asked)
    plain: dict[str, Callable[[Pen], str]] = {"notes": notes, "product": product, "outline": outline}
    carried: dict[str, Callable[[Pen, str], str]] = {
        "rewrite": rewrite,
        "merge": rewrite,
        "critique": critique,
        "summary": summary,
    }
    if form in carried:
        return carried[form](pen, document)
    if form in plain:
        return plain[form](pen)
    if form == "greeting":
        return "Hello! How can I help you today?"
    if form == "title":
        return pen.pick(phrases.TITLES)
    if form == "list":
        return listing(pen, intent.count(asked, 5))
    if form == "article":
        return article(pen, intent.words(asked))
    sentences = intent.sentences(asked)
    if sentences:
        return " ".join(pen.pick(phrases.FACETS["case"].sentences) for _ in range(sentences))
    text = chat(pen)
    length = intent.words(asked)
    return _fitted(text, pen, length) if length else text


def thought(turns: tuple[Turn, ...], seed: int) -> str:
    """What a reasoning model shows of its thinking."""
    return Pen(brief.read(turns), seed).pick(phrases.THOUGHTS)


def refusal() -> str:
    """The words of a content refusal."""
    return "I'm sorry, but I can't help with that request."
