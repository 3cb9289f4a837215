"""A product description from loose notes: extract the facts, write the copy, publish.

Product ─ extract ─ Facts ─ write ─ Copy ─ publish ─ ProductDescription
"""

from typing import Annotated

from pydantic import Field, computed_field

from shared.core.need import Need
from shared.core.prompt import ask
from shared.documents.pipeline import Pipeline
from shared.models.catalogue import FLASH, FLASH_LITE, GPT_LUNA, GPT_TERRA, HAIKU, SONNET
from shared.pipelines.article import Value
from shared.runtime.budget import Budget
from shared.runtime.effects import Fx
from shared.runtime.graph import Graph
from shared.runtime.step import Retry, step

Line = Annotated[str, Field(min_length=1, max_length=300)]


class Product(Value):
    """What is known of the product, in any order and form."""

    brief: Annotated[
        str, Field(min_length=3, max_length=12_000, description="Everything known about the product.")
    ]
    audience: Annotated[str, Field(max_length=200)] = "online shoppers"
    tone: Annotated[str, Field(max_length=200)] = "warm and precise"


class Facts(Value):
    """The product's facts, taken out of the brief; nothing invented."""

    name: Line
    category: Line
    features: Annotated[tuple[Line, ...], Field(min_length=1, max_length=12)]
    benefits: Annotated[tuple[Line, ...], Field(min_length=1, max_length=12)]


class Copy(Value):
    """The words that sell it. Limits are wider than what is asked for: not every provider enforces them."""

    headline: Annotated[str, Field(min_length=1, max_length=200, description="Up to 80 characters.")]
    description: Annotated[str, Field(min_length=40, max_length=4_000, description="Two to four paragraphs.")]
    bullets: Annotated[tuple[Line, ...], Field(min_length=3, max_length=7)]
    seo_title: Annotated[str, Field(min_length=1, max_length=150, description="Up to 60 characters.")]
    meta_description: Annotated[str, Field(min_length=1, max_length=400, description="Up to 160 characters.")]


class ProductDescription(Value):
    """The finished description. `text` is all of it in Markdown."""

    name: Line
    category: Line
    headline: str
    description: str
    bullets: tuple[str, ...]
    seo_title: str
    meta_description: str

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """Headline, description and bullets as Markdown."""
        bullets = "\n".join(f"- {bullet}" for bullet in self.bullets)
        return f"# {self.headline}\n\n{self.description}\n\n{bullets}\n"


@step(
    ladder=(GPT_LUNA, HAIKU, FLASH_LITE),
    need=Need("extract", quality=0.6),
    budget=Budget(micros=60_000, tokens=160_000, seconds=60),
    retry=Retry(attempts=2),
)
async def extract(fx: Fx, product: Product) -> Facts:
    """The facts of the brief, sorted."""
    return await fx.ask(
        ask(
            f"Extract the facts of this product; invent nothing.\n\nBrief: {product.brief}",
            system="You extract product facts.",
            max_output=1_500,
        ),
        Facts,
    )


@step(
    ladder=(SONNET, GPT_TERRA, FLASH),
    need=Need("draft", quality=0.85),
    budget=Budget(micros=300_000, tokens=160_000, seconds=120),
    retry=Retry(attempts=2),
)
async def write(fx: Fx, product: Product, facts: Facts) -> Copy:
    """Copy for the product page."""
    return await fx.ask(
        ask(
            f"Write the product page for {facts.name} ({facts.category}).\nAudience: {product.audience}\n"
            f"Tone: {product.tone}\nFeatures: {'; '.join(facts.features)}\nBenefits: {'; '.join(facts.benefits)}",
            system="You write product copy. Only the given facts.",
            max_output=3_000,
        ),
        Copy,
    )


@step()
def publish(facts: Facts, copy: Copy) -> ProductDescription:
    """Facts and copy as one checked value."""
    return ProductDescription(name=facts.name, category=facts.category, **copy.model_dump())


PRODUCT_DESCRIPTION = Graph(
    "product_description",
    given=Product,
    steps=(extract, write, publish),
    goal=ProductDescription,
    cap=Budget(micros=400_000, tokens=320_000, seconds=400),
)
PIPELINE = Pipeline(PRODUCT_DESCRIPTION, Product, ProductDescription, "Product page copy from loose notes.")
