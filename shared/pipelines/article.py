"""An article from a brief: research, draft, polish, publish.

Brief ─ research ─ Notes ─ draft ─ Draft ─ polish ─ Polished ─ publish ─ Article
"""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, computed_field

from shared.core.faults import Malformed
from shared.core.need import Need
from shared.core.prompt import ask
from shared.documents.pipeline import Pipeline
from shared.guard.fence import FENCE_RULE, fenced
from shared.models.catalogue import ARGON, FLASH, GPT_SOL, GPT_TERRA, OPUS, SONAR, SONAR_PRO, SONNET
from shared.runtime.budget import Budget
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.step import Retry, step


class Value(BaseModel):
    """What travels along an edge: frozen, and nothing in it that was not asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Brief(Value):
    """What the article is to be about, for whom and how long."""

    brief: Annotated[
        str, Field(min_length=3, max_length=12_000, description="The subject and what to say of it.")
    ]
    audience: Annotated[str, Field(max_length=200)] = "a general reader"
    tone: Annotated[str, Field(max_length=200)] = "clear and concrete"
    words: Annotated[int, Field(ge=150, le=2_500, description="About how long, in words.")] = 700
    keywords: Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(max_length=12)] = ()


class Source(Value):
    """A page that a finding rests on."""

    url: str
    title: str = ""


class Notes(Value):
    """Findings, a line each, with the numbers of their sources."""

    findings: str
    sources: tuple[Source, ...] = ()


class Draft(Value):
    """A first version, in Markdown."""

    markdown: str


class Polished(Value):
    """The version to publish: one `# title`, an introduction and at least two `## ` sections."""

    title: str
    introduction: str
    sections: tuple["Section", ...]


class Section(Value):
    """A heading and what stands under it, in Markdown."""

    heading: Annotated[str, Field(min_length=1)]
    body: Annotated[str, Field(min_length=1)]


class Article(Value):
    """The finished article. `text` is all of it in Markdown."""

    title: Annotated[str, Field(min_length=1, max_length=300)]
    introduction: Annotated[str, Field(min_length=1)]
    sections: Annotated[tuple[Section, ...], Field(min_length=2)]
    sources: tuple[Source, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """Title, introduction, sections and sources as one Markdown document."""
        parts = [f"# {self.title}", self.introduction]
        parts += [f"## {section.heading}\n\n{section.body}" for section in self.sections]
        if self.sources:
            lines = (
                f"{n}. [{source.title or source.url}]({source.url})"
                for n, source in enumerate(self.sources, 1)
            )
            parts.append("## Sources\n\n" + "\n".join(lines))
        return "\n\n".join(parts) + "\n"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def words(self) -> int:
        """How long it became, sources left out."""
        return sum(
            len(part.split()) for part in (self.introduction, *(section.body for section in self.sections))
        )


@step(
    ladder=(SONAR, SONAR_PRO, FLASH),
    need=Need("research", quality=0.75),
    budget=Budget(micros=150_000, tokens=60_000, seconds=90),
)
async def research(fx: Fx, brief: Brief) -> Notes:
    """Facts worth building on, with sources: the web's, and those that the tenant added."""
    own = await fx.sources(brief.brief)
    answer = await fx.write(
        ask(
            f"Research notes for an article.\n\nBrief: {brief.brief}\nAudience: {brief.audience}\n"
            "List eight to twelve findings, one a line, each with the number of its source in brackets."
            + "".join(f"\n\n{fenced(found.text, found.source)}" for found in own),
            system="You are a researcher. Give facts with sources, no opinions and no introduction."
            + (f" {FENCE_RULE}" if own else ""),
            max_output=1_500,
        )
    )
    cited = [Source(url=c.url, title=c.title) for c in answer.citations]
    cited += [Source(url=found.url, title=found.title) for found in own if found.url]
    return Notes(findings=answer.text, sources=tuple(cited))


@step(
    ladder=(SONNET, GPT_TERRA, FLASH),
    need=Need("draft", quality=0.85),
    budget=Budget(micros=250_000, tokens=100_000, seconds=150),
)
async def draft(fx: Fx, brief: Brief, notes: Notes) -> Draft:
    """A first version of the whole article."""
    answer = await fx.write(
        ask(
            f"Write an article of about {brief.words} words in Markdown.\n\nBrief: {brief.brief}\n"
            f"Audience: {brief.audience}\nTone: {brief.tone}\n{_keywords(brief)}\nResearch notes:\n{notes.findings}",
            system="You are a writer. One `# ` title, a short introduction, then `## ` sections. "
            "Use only the notes' facts.",
            max_output=6_000,
        )
    )
    return Draft(markdown=answer.text)


@step(
    ladder=(GPT_SOL, OPUS, ARGON),
    need=Need("polish", quality=0.9),
    budget=Budget(micros=600_000, tokens=240_000, seconds=200),
    retry=Retry(attempts=2),
)
async def polish(fx: Fx, brief: Brief, draft: Draft) -> Polished:
    """The draft, edited: tighter sentences, the same facts, the agreed shape."""
    answer = await fx.write(
        ask(
            f"Polish this article for {brief.audience}. Tone: {brief.tone}. Keep every fact and the Markdown "
            "shape: one `# ` title, an introduction, `## ` sections. Return the whole article and nothing else.\n\n"
            f"{draft.markdown}",
            system="You are an editor.",
            max_output=6_000,
        )
    )
    return shaped(answer.text)


@step()
def publish(notes: Notes, polished: Polished) -> Article:
    """The polished text and its sources, checked against the article's schema."""
    return Article(
        title=polished.title,
        introduction=polished.introduction,
        sections=polished.sections,
        sources=notes.sources,
    )


def shaped(markdown: str) -> Polished:
    """Read an article out of Markdown. Raises Malformed where title, introduction or two sections are missing."""
    head, *rest = re.split(r"(?m)^## +", _fenceless(markdown))
    found = re.search(r"(?m)^# +(.+)$", head)
    if found is None:
        raise Malformed("The polished text has no `# ` title.")
    sections = []
    for part in rest:
        heading, _, body = part.partition("\n")
        if body.strip() and heading.strip().lower() != "sources":
            sections.append(Section(heading=heading.strip(), body=body.strip()))
    introduction = head[found.end() :].strip()
    if not introduction or len(sections) < 2:
        raise Malformed("The polished text lacks an introduction or has fewer than two `## ` sections.")
    return Polished(title=found[1].strip(), introduction=introduction, sections=tuple(sections))


def _fenceless(markdown: str) -> str:
    """Models like to wrap a whole Markdown answer in a code fence."""
    found = re.fullmatch(r"\s*```(?:markdown|md)?\n(.*)\n```\s*", markdown, re.DOTALL)
    return found[1] if found else markdown


def _keywords(brief: Brief) -> str:
    return f"Work in these keywords: {', '.join(brief.keywords)}\n" if brief.keywords else ""


ARTICLE = Graph(
    "article",
    given=Brief,
    steps=(research, draft, polish, publish),
    goal=Article,
    cap=Budget(micros=1_000_000, tokens=400_000, seconds=900),
)
PIPELINE = Pipeline(ARTICLE, Brief, Article, "A researched, drafted and polished article with sources.")
