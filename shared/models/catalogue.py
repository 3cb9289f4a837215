"""The models that the product uses: names, abilities, limits and dated prices.

Prices, windows and traps as verified on 2026-11-21 (gateways research, part 6: two price maps compared, agreeing on
the base rates). Prices are US dollars per million tokens.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal as D

from shared.core.faults import UnknownModel
from shared.core.model_spec import Cliff, ModelSpec, Price

AUTO = ("auto", "auto:cheap", "auto:best")
"""Names that stand for a choice, not for a model."""

_GPT_CLIFF = Cliff(above=272_000, input=D(2), output=D("1.5"))
_HAIKU_CLIFF = Cliff(above=100_000, input=D(5), output=D(5))
_ARGON_DOUBLES = datetime(2026, 12, 1, tzinfo=UTC)
_FLASH_DOUBLES = datetime(2027, 1, 1, tzinfo=UTC)


def _flat(read: str, write: str, cached: str, stored: str, cliff: Cliff | None = None) -> tuple[Price, ...]:
    return (Price(D(read), D(write), D(cached), D(stored), cliff=cliff),)


def _doubling(read: str, write: str, cached: str, when: datetime) -> tuple[Price, ...]:
    return (
        Price(D(read), D(write), D(cached), D(read), until=when),
        Price(D(read) * 2, D(write) * 2, D(cached) * 2, D(read) * 2, since=when),
    )


def _gpt(name: str, prices: tuple[Price, ...]) -> ModelSpec:
    return ModelSpec(
        name, "openai", "openai-chat", name, window=922_000, max_output=128_000, prices=prices, thinks=True
    )


def _claude(name: str, prices: tuple[Price, ...], *, thinks: bool, forced_tools: bool) -> ModelSpec:
    return ModelSpec(
        name,
        "anthropic",
        "anthropic",
        name,
        window=1_000_000,
        max_output=64_000,
        prices=prices,
        thinks=thinks,
        forced_tools=forced_tools,
    )


def _gemini(name: str, prices: tuple[Price, ...], max_output: int, *, thinks: bool = True) -> ModelSpec:
    return ModelSpec(
        name, "gemini", "gemini", name, window=1_000_000, max_output=max_output, prices=prices, thinks=thinks
    )


def _sonar(name: str, window: int, read: str, write: str, request: str) -> ModelSpec:
    price = Price(D(read), D(write), D(read), D(read), request=D(request))
    return ModelSpec(
        name,
        "perplexity",
        "perplexity",
        name,
        window=window,
        max_output=8_000,
        prices=(price,),
        tools=False,
        sampling=True,
        searches=True,
        forced_tools=False,
    )


GPT_SOL = _gpt("gpt-6.1-sol", _flat("2", "10", "0.10", "2.50", _GPT_CLIFF))
GPT_TERRA = _gpt("gpt-6.1-terra", _flat("1", "5", "0.05", "1.25", _GPT_CLIFF))
GPT_LUNA = _gpt("gpt-6-luna", _flat("0.10", "0.50", "0.01", "0.125", _GPT_CLIFF))
OPUS = _claude("claude-opus-5-5", _flat("4", "20", "0.20", "5"), thinks=True, forced_tools=False)
SONNET = _claude("claude-sonnet-5-5", _flat("2", "10", "0.10", "2.50"), thinks=True, forced_tools=False)
HAIKU = _claude(
    "claude-haiku-5-5", _flat("0.10", "0.50", "0.01", "0.125", _HAIKU_CLIFF), thinks=False, forced_tools=True
)
ARGON = _gemini("gemini-4-argon", _doubling("2", "10", "0.10", _ARGON_DOUBLES), 1_000_000)
FLASH = _gemini("gemini-3.8-flash", _doubling("0.75", "3.75", "0.075", _FLASH_DOUBLES), 64_000)
FLASH_LITE = _gemini("gemini-3.5-flash-lite", _flat("0.30", "2.50", "0.03", "0.30"), 64_000, thinks=False)
SONAR_PRO = _sonar("sonar-pro", 200_000, "3", "15", "0.006")
SONAR = _sonar("sonar", 128_000, "1", "1", "0.005")
LLAMA = ModelSpec(
    "llama-3.3-70b",
    "llama",
    "vllm",
    "meta-llama/Llama-3.3-70B-Instruct",
    window=128_000,
    max_output=16_000,
    # The dearer end of the market price for the same weights stands in for our own GPU seconds.
    prices=_flat("1.04", "1.04", "1.04", "1.04"),
    images=False,
    sampling=True,
    continues=True,
)

MODELS: tuple[ModelSpec, ...] = (
    GPT_SOL, GPT_TERRA, GPT_LUNA, OPUS, SONNET, HAIKU, ARGON, FLASH, FLASH_LITE, SONAR_PRO, SONAR, LLAMA,
)  # fmt: skip

_LADDERS: dict[str, tuple[ModelSpec, ...]] = {
    "auto": (GPT_TERRA, SONNET, FLASH),
    "auto:cheap": (GPT_LUNA, HAIKU, FLASH_LITE, LLAMA),
    "auto:best": (OPUS, GPT_SOL, ARGON),
}


class Catalogue:
    """The models by name, and the ladder behind each name that a caller may use."""

    def __init__(self, models: Iterable[ModelSpec] = MODELS) -> None:
        self._models = {spec.name: spec for spec in models}

    def names(self) -> tuple[str, ...]:
        """All names that a request's `model` may have: the choices first, then the models."""
        return (*AUTO, *self._models)

    def get(self, name: str) -> ModelSpec:
        """The model of that name. Raises UnknownModel."""
        try:
            return self._models[name]
        except KeyError:
            raise UnknownModel(f"The model '{name}' does not exist.", param="model") from None

    def ladder(self, name: str) -> tuple[ModelSpec, ...]:
        """Who may answer for `name`, in order: a choice has fallbacks, a named model stands alone (its caller asked
        for that model, not for one like it). Raises UnknownModel."""
        return _LADDERS.get(name) or (self.get(name),)
