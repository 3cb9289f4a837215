"""Writes the simulator's English: the same conversation and model always give the same text."""

import random
import re
from collections.abc import Callable

from infra.simulator import brief, intent, lexicon, phrases, product, replies
from infra.simulator.answer import Turn
from infra.simulator.brief import Brief


class Pen:
    """A brief, a seeded choice, and the rule that no sentence is used twice."""

    def __init__(self, subject: Brief, seed: int) -> None:
        self.brief = subject
        self.rng = random.Random(seed)
        self._used: set[str] = set()
        self._mentions = 0
        own = list(subject.about)
        self._aspect = bool(own)
        self._about = own + [part for part in phrases.DETAILS if part not in own] if len(own) < 3 else own

    def fill(self, template: str) -> str:
        """A template with subject, detail and readers in place."""
        text = template.replace("{T}", self.brief.titled).replace("{H}", self.brief.headed)
        if self.brief.titled.endswith("?"):
            text = re.sub(r"\?[:,]", "?", text)
        text = text.replace("{slug}", self.brief.slug).replace("{a}", self.brief.readers)
        text = text.replace("{s}", self.brief.phrase).replace("{t}", self.brief.noun)
        about = [part for part in self._about if part not in text] or self._about
        second = about[0] if self._aspect and self._mentions % 3 else self.rng.choice(about)
        if "{w}" in text:
            self._mentions += 1
            text = text.replace("{w}", second)
            about = [part for part in about if part != second] or about
        return text.replace("{k}", self.rng.choice(about)) if "{k}" in text else text

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
    known = lexicon.entry(pen.brief.subject)
    facts = list(known.facts) if known else []
    parts = [f"# {title(pen)}", f"{pen.pick(phrases.OPENINGS)} {pen.pick(phrases.PROMISES)}"]
    wished = words or 650 + pen.rng.randrange(150)
    facets = pen.facets(max(2, min(9, round(wished / 130))))
    first_length, second_length = (5, 3) if wished > 1_100 else (4, 2 + pen.rng.randrange(2))
    listed = len(facets) - 1 if pen.rng.random() < 0.5 else len(facets) - 2
    for at, facet in enumerate(facets):
        parts.append(f"## {pen.fill(pen.rng.choice(facet.headings))}")
        first, second = pen.paragraphs(facet.sentences, first_length, second_length)
        told = facts.pop(0) if facts else ""
        parts.append(f"{told} {first}".strip())
        if at == listed:
            parts.append("\n".join(f"- {_capital(pen.fill(point))}" for point in facet.points))
        parts.append(second)
    parts.append(pen.pick(phrases.CLOSINGS))
    return "\n\n".join(parts) + "\n"


def title(pen: Pen) -> str:
    """A title that suits a noun or a clause."""
    return pen.pick(phrases.CLAUSE_TITLES if pen.brief.asks else phrases.TITLES)


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
    """A sentence that says what this is, then two short paragraphs on the subject and an offer."""
    known = lexicon.entry(pen.brief.subject)
    first = " ".join(known.facts) if known else ""
    other = pen.rng.choice(("benefits", "limits", "start", "case"))
    parts = [
        pen.pick(phrases.REPLIES),
        first or pen.paragraph(phrases.FACETS["mechanism"].sentences, 4),
        pen.paragraph(phrases.FACETS[other].sentences, 3),
        pen.pick(phrases.OFFERS),
    ]
    return "\n\n".join(parts)


def listing(pen: Pen, number: int) -> str:
    """A numbered list of the length asked for."""
    points = [point for facet in phrases.FACETS.values() for point in facet.points]
    pen.rng.shuffle(points)
    while len(points) < number:
        points += [pen.rng.choice(phrases.FINDINGS) for _ in range(number)]
    lines = [f"{i}. {_capital(pen.fill(point))}" for i, point in enumerate(points[:number], 1)]
    return f"Here are {number} on {pen.brief.phrase}:\n\n" + "\n".join(lines)


def page(pen: Pen, asked: str) -> str:
    """A product description: headline, two paragraphs, features."""
    found = product.read(asked)
    listed = "\n".join(f"- {part}" for part in found.listed("bullet"))
    headline = found.fill(pen.rng.choice(product.HEADLINES))
    return f"# {headline}\n\n{found.pitch()}\n\n{listed}\n"


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
    lines = [f"# {title(pen)}", ""]
    for number, facet in enumerate(pen.facets(6), 1):
        lines.append(f"{number}. **{pen.fill(pen.rng.choice(facet.headings))}**: {pen.pick(facet.points)}")
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
    several = "these results" if len(parts) > 1 else "this result"
    return "\n\n".join([*parts, f"(A simulated answer: {several} came from the tools; no model read them.)"])


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
    known = replies.plain(asked)
    if known is not None:
        return known
    if replies.poem(asked):
        return replies.verses(pen.brief.noun, (*pen.brief.about, "silence", "a slow breath"), seed)
    return _in_form(intent.form(turns), pen, asked)


def _in_form(form: str, pen: Pen, asked: str) -> str:
    document = brief.document(asked)
    plain: dict[str, Callable[[Pen], str]] = {"notes": notes, "outline": outline, "title": title}
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
    if form == "product":
        return page(pen, asked)
    if form == "list":
        return listing(pen, intent.count(asked, 5))
    if form == "article":
        return article(pen, intent.words(asked))
    sentences = intent.sentences(asked)
    if sentences:
        return _in_sentences(pen, sentences)
    text = chat(pen)
    length = intent.words(asked)
    return _fitted(text, pen, length) if length else text


def _in_sentences(pen: Pen, number: int) -> str:
    """The one sentence that says what this is, then facts or sentences on the subject."""
    known = lexicon.entry(pen.brief.subject)
    told = [f"This is a simulated answer about {pen.brief.phrase}.", *(known.facts if known else ())]
    while len(told) < number:
        told.append(pen.pick(phrases.FACETS["case"].sentences))
    return " ".join(told[:number])


def thought(turns: tuple[Turn, ...], seed: int) -> str:
    """What a reasoning model shows of its thinking."""
    return Pen(brief.read(turns), seed).pick(phrases.THOUGHTS)


def refusal() -> str:
    """The words of a content refusal."""
    return "I'm sorry, but I can't help with that request."
