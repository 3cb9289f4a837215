"""Models for tests: one for each wire, with the abilities that its real ones have."""

from dataclasses import replace
from decimal import Decimal

from shared.core.model_spec import ModelSpec, Price

PRICE = (Price(Decimal(1), Decimal(5), Decimal("0.1"), Decimal("1.25")),)

LUNA = ModelSpec("gpt-6-luna", "openai", "openai-chat", "gpt-6-luna", 922_000, 128_000, PRICE, thinks=True)
SOL = replace(LUNA, name="gpt-6.1-sol", native="gpt-6.1-sol", wire="openai-responses")
SONNET = ModelSpec(
    "claude-sonnet-5-5",
    "anthropic",
    "anthropic",
    "claude-sonnet-5-5",
    1_000_000,
    128_000,
    PRICE,
    thinks=True,
    forced_tools=False,
)
HAIKU = replace(
    SONNET, name="claude-haiku-5-5", native="claude-haiku-5-5", forced_tools=True, max_output=64_000
)
FLASH = ModelSpec(
    "gemini-3.8-flash", "gemini", "gemini", "gemini-3.8-flash", 1_048_576, 65_536, PRICE, thinks=True
)
SONAR = ModelSpec(
    "sonar",
    "perplexity",
    "perplexity",
    "sonar",
    128_000,
    8_000,
    PRICE,
    tools=False,
    sampling=True,
    searches=True,
)
LLAMA = ModelSpec(
    "llama-3.3-70b",
    "llama",
    "vllm",
    "meta-llama/Llama-3.3-70B-Instruct",
    131_072,
    131_072,
    PRICE,
    images=False,
    sampling=True,
    continues=True,
)
ONE_EACH = (LUNA, SOL, SONNET, FLASH, SONAR, LLAMA)
BY_WIRE = {spec.wire: spec for spec in ONE_EACH}
