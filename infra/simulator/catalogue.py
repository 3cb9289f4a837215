"""The models that the simulator knows, by provider, with the refusals that each real one has.

Context and output limits are in tokens. Sources: the providers' published model tables as read in November
2026.
"""

from dataclasses import dataclass, field

PROVIDERS = ("openai", "anthropic", "gemini", "perplexity", "llama")

# What is appended to the server's origin to get the base URL that an adapter is configured with.
BASE_PATHS = {
    "openai": "/openai/v1",
    "anthropic": "/anthropic",
    "gemini": "/gemini/v1beta",
    "perplexity": "/perplexity",
    "llama": "/llama/v1",
}


@dataclass(frozen=True, slots=True)
class Model:
    """One native model id and what its provider accepts for it."""

    id: str
    provider: str
    context: int
    max_output: int
    thinks: bool = False
    always_thinks: bool = False
    sampling: bool = False
    forced_tools: bool = True
    embeds: bool = False
    usd_in: float = 0.0
    usd_out: float = 0.0
    request_fees: dict[str, float] = field(default_factory=dict)


_MODELS = (
    Model("gpt-6.1-sol", "openai", 922_000, 128_000, thinks=True),
    Model("gpt-6.1-terra", "openai", 922_000, 128_000, thinks=True),
    Model("gpt-6-luna", "openai", 922_000, 128_000, thinks=True),
    Model("text-embedding-3-small", "openai", 8_192, 0, embeds=True),
    Model(
        "claude-opus-5-5",
        "anthropic",
        1_000_000,
        128_000,
        thinks=True,
        always_thinks=True,
        forced_tools=False,
    ),
    Model(
        "claude-sonnet-5-5",
        "anthropic",
        1_000_000,
        128_000,
        thinks=True,
        always_thinks=True,
        forced_tools=False,
    ),
    Model("claude-haiku-5-5", "anthropic", 1_000_000, 64_000, thinks=True),
    Model("gemini-4-argon", "gemini", 1_048_576, 1_000_000, thinks=True),
    Model("gemini-3.8-flash", "gemini", 1_048_576, 65_536, thinks=True),
    Model("gemini-3.5-flash-lite", "gemini", 1_048_576, 65_536),
    Model(
        "sonar-pro",
        "perplexity",
        200_000,
        8_000,
        sampling=True,
        usd_in=3.0,
        usd_out=15.0,
        request_fees={"low": 0.006, "medium": 0.010, "high": 0.014},
    ),
    Model(
        "sonar",
        "perplexity",
        128_000,
        8_000,
        sampling=True,
        usd_in=1.0,
        usd_out=1.0,
        request_fees={"low": 0.005, "medium": 0.008, "high": 0.012},
    ),
    Model("meta-llama/Llama-3.3-70B-Instruct", "llama", 131_072, 131_072, sampling=True),
    Model("meta-llama/Llama-3.1-8B-Instruct", "llama", 131_072, 131_072, sampling=True),
)

_BY_ID = {(model.provider, model.id): model for model in _MODELS}


def find(provider: str, model_id: str) -> Model | None:
    """The model, or None where this provider has no such id."""
    return _BY_ID.get((provider, model_id))


def of(provider: str) -> tuple[Model, ...]:
    """Every model of a provider, in a fixed order."""
    return tuple(model for model in _MODELS if model.provider == provider)


def writers() -> tuple[Model, ...]:
    """Every model that writes text; a continuation is looked for among what they would have written."""
    return tuple(model for model in _MODELS if not model.embeds)
