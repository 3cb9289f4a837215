"""The models that the product uses: names, abilities, limits and dated prices.

Prices, windows and traps as verified on 2026-11-21 (gateways research, part 6: two price maps compared, agreeing on
the base rates). Prices are US dollars per million tokens.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal as D

from shared.core.faults import UnknownModel
from shared.core.model_spec import Cliff, ModelSpec, Price, ProviderName
from shared.core.need import Need
from shared.models.prices import GpuRate
from shared.models.quality import PRIOR, Quality

AUTO = ("auto", "auto:cheap", "auto:best")
"""Names that stand for a choice, not for a model."""

_GPT_CLIFF = Cliff(above=272_000, input=D(2), output=D("1.5"))
_HAIKU_CLIFF = Cliff(above=100_000, input=D(5), output=D(5))
_ARGON_DOUBLES = datetime(2026, 12, 1, tzinfo=UTC)
_FLASH_DOUBLES = datetime(2027, 1, 1, tzinfo=UTC)
_LITE_RETIRES = datetime(2027, 7, 21, tzinfo=UTC)
_SOURCE, _VERIFIED = "LiteLLM and genai-prices", date(2026, 11, 21)
_GEMINI_SEARCH = D("0.014")
"""Dollars for one search with Google, the free ones of a month left out."""


_REGIONS: Mapping[ProviderName, frozenset[str]] = {
    "openai": frozenset({"global"}),
    "anthropic": frozenset({"global"}),
    "gemini": frozenset({"global"}),
    "perplexity": frozenset({"us"}),
    "llama": frozenset({"own"}),
}
"""Where the providers' ordinary endpoints may process a call. The first three bind one to a place for a field or a
price of its own only (see the tiers below), which nothing here asks for: assumed from that. A deployment whose
endpoints are elsewhere says so: `placed`."""
REGIONS = frozenset({"eu", "global", "own", "us"})
"""Names of regions that a policy may always use, whether or not a model is there."""


def placed(
    models: Iterable[ModelSpec], regions: Mapping[ProviderName, frozenset[str]]
) -> tuple[ModelSpec, ...]:
    """The models with these regions of their providers; those of other providers as they are."""
    return tuple(replace(spec, regions=regions.get(spec.provider, spec.regions)) for spec in models)


def _flat(
    read: str, write: str, cached: str, stored: str, cliff: Cliff | None = None, hour: str | None = None
) -> tuple[Price, ...]:
    return (
        Price(
            D(read), D(write), D(cached), D(stored),
            cliff=cliff, cache_write_1h=None if hour is None else D(hour), source=_SOURCE, verified_on=_VERIFIED,
        ),
    )  # fmt: skip


def _searching(prices: tuple[Price, ...]) -> tuple[Price, ...]:
    return tuple(replace(price, search=_GEMINI_SEARCH) for price in prices)


def _doubling(read: str, write: str, cached: str, when: datetime) -> tuple[Price, ...]:
    (before,) = _flat(read, write, cached, read)
    after = replace(
        before,
        input=before.input * 2,
        output=before.output * 2,
        cache_read=before.cache_read * 2,
        cache_write=before.cache_write * 2,
        since=when,
    )
    return replace(before, until=when), after


_GPT_TIERS = (("us", D("1.1")), ("eu", D("1.1")))
"""Data kept in one region costs a tenth more. What the priority and flex tiers cost is not known."""


def _gpt(name: str, prices: tuple[Price, ...]) -> ModelSpec:
    return ModelSpec(
        name,
        "openai",
        "openai-chat",
        name,
        window=922_000,
        max_output=128_000,
        prices=tuple(replace(price, tiers=_GPT_TIERS) for price in prices),
        thinks=True,
        regions=_REGIONS["openai"],
    )


_CLAUDE_TIERS = (("fast", D(2)), ("us", D("1.1")))
"""Speed `fast` doubles the price, inference in the US only costs a tenth more."""


def _claude(name: str, prices: tuple[Price, ...], *, thinks: bool, forced_tools: bool) -> ModelSpec:
    return ModelSpec(
        name,
        "anthropic",
        "anthropic",
        name,
        window=1_000_000,
        max_output=64_000,
        prices=tuple(replace(price, tiers=_CLAUDE_TIERS) for price in prices),
        thinks=thinks,
        forced_tools=forced_tools,
        regions=_REGIONS["anthropic"],
    )


def _gemini(name: str, prices: tuple[Price, ...], max_output: int, *, thinks: bool = True) -> ModelSpec:
    return ModelSpec(
        name,
        "gemini",
        "gemini",
        name,
        window=1_000_000,
        max_output=max_output,
        prices=_searching(prices),
        thinks=thinks,
        resume=True,
        regions=_REGIONS["gemini"],
    )


def _sonar(name: str, window: int, read: str, write: str, *requests: str) -> ModelSpec:
    """`requests`: the fee for little, medium and much search context. The searches themselves cost nothing more."""
    (tokens,) = _flat(read, write, read, read)
    request, medium, high = map(D, requests)
    contexts = (("medium", medium), ("high", high))
    return ModelSpec(
        name,
        "perplexity",
        "perplexity",
        name,
        window=window,
        max_output=8_000,
        prices=(replace(tokens, request=request, contexts=contexts, search=D(0)),),
        tools=False,
        sampling=True,
        searches=True,
        forced_tools=False,
        regions=_REGIONS["perplexity"],
    )


GPT_SOL = _gpt("gpt-6.1-sol", _flat("2", "10", "0.10", "2.50", _GPT_CLIFF))
GPT_TERRA = _gpt("gpt-6.1-terra", _flat("1", "5", "0.05", "1.25", _GPT_CLIFF))
GPT_LUNA = _gpt("gpt-6-luna", _flat("0.10", "0.50", "0.01", "0.125", _GPT_CLIFF))
OPUS = _claude("claude-opus-5-5", _flat("4", "20", "0.20", "5", hour="8"), thinks=True, forced_tools=False)
SONNET = _claude(
    "claude-sonnet-5-5", _flat("2", "10", "0.10", "2.50", hour="4"), thinks=True, forced_tools=False
)
HAIKU = _claude(
    "claude-haiku-5-5",
    _flat("0.10", "0.50", "0.01", "0.125", _HAIKU_CLIFF, hour="0.20"),
    thinks=False,
    forced_tools=True,
)
ARGON = _gemini("gemini-4-argon", _doubling("2", "10", "0.10", _ARGON_DOUBLES), 1_000_000)
FLASH = _gemini("gemini-3.8-flash", _doubling("0.75", "3.75", "0.075", _FLASH_DOUBLES), 64_000)
FLASH_LITE = _gemini(
    "gemini-3.5-flash-lite",
    tuple(replace(price, until=_LITE_RETIRES) for price in _flat("0.30", "2.50", "0.03", "0.30")),
    64_000,
    thinks=False,
)
SONAR_PRO = _sonar("sonar-pro", 200_000, "3", "15", "0.006", "0.010", "0.014")
SONAR = _sonar("sonar", 128_000, "1", "1", "0.005", "0.008", "0.012")
GPU = GpuRate(D("4.54"), D(3_400), D(2_560), busy=D("0.5"))
"""One H200 for Llama 70B in FP8, an estimate until our own pool is measured.

Dollars an hour: Modal's list (modal research, 1.5). Tokens a second: the two published runs of 8B models (vllm
research, Cost) scaled to 70B: reading from 30,000 on an H100 (by weights, 8/70), writing from 1,400 on an L4 (by
weights, and by the 16 times of memory bandwidth). Half of the paid seconds are taken to be busy.
"""
LLAMA = ModelSpec(
    "llama-3.3-70b",
    "llama",
    "vllm",
    "meta-llama/Llama-3.3-70B-Instruct",
    window=128_000,
    max_output=16_000,
    prices=(GPU.price("GPU seconds, estimated", _VERIFIED),),
    images=False,
    sampling=True,
    continues=True,
    resume=True,
    regions=_REGIONS["llama"],
)

LLAMA_GPU = GpuRate(D("2.1095"), D(10_000), D(1_400), busy=D("0.5"))
"""One L40S for Llama 8B in FP8, an estimate until our own pool is measured.

Dollars an hour: the card, and the cores and the memory beside it (`gpu/kinds.py`). Tokens a second: no run on an L40S
was found. Writing is the 1,400 of an L4, reading as a third of the 30,000 of an H100: both on the low side. Half of the
paid seconds are taken to be busy.
"""
LLAMA_SMALL = replace(
    LLAMA,
    name="llama-3.1-8b",
    native="meta-llama/Llama-3.1-8B-Instruct",
    prices=(LLAMA_GPU.price("GPU seconds, estimated", _VERIFIED),),
)

MODELS: tuple[ModelSpec, ...] = (
    GPT_SOL, GPT_TERRA, GPT_LUNA, OPUS, SONNET, HAIKU, ARGON, FLASH, FLASH_LITE, SONAR_PRO, SONAR, LLAMA,
)  # fmt: skip

LLAMAS = (LLAMA, LLAMA_SMALL)
"""What the Llama tier can serve: one of them at a time, the first where nobody says which."""
EVERY = (*MODELS, LLAMA_SMALL)
"""All that is known here; `MODELS` is what is served where nobody says anything else."""


def served(
    models: Iterable[ModelSpec], off: frozenset[ProviderName], llama: str = LLAMA.name, native: str = ""
) -> tuple[ModelSpec, ...]:
    """Those of the models that can be asked: none of a provider that is off, and of the Llama tier the model `llama`
    alone, under the name `native` where the server has one of its own. Raises UnknownModel for no model of the tier.

    A server that calls it by a name of its own is not taken for vLLM: it is told nothing that only vLLM knows, and
    asked in words to go on."""
    if llama not in {spec.name for spec in LLAMAS}:
        raise UnknownModel(
            f"The Llama tier has no model '{llama}'; it has {', '.join(one.name for one in LLAMAS)}."
        )
    found = []
    for spec in models:
        if spec.provider in off or (spec.provider == LLAMA.provider and spec.name != llama):
            continue
        renamed = native and spec.name == llama and native != spec.native
        found.append(_elsewhere(spec, native) if renamed else spec)
    return tuple(found)


def _elsewhere(spec: ModelSpec, native: str) -> ModelSpec:
    return replace(spec, native=native, wire="openai-plain", continues=False, resume=False)


_NEEDS = {
    "auto": Need("chat", quality=0.75),
    "auto:cheap": Need("chat", quality=0.5),
    "auto:best": Need("chat", quality=0.9, order="best"),
}
_NEARLY = 0.06
"""How much less quality than that of the model that began an answer may finish it."""
_FINISHERS = 3

_LADDERS: dict[str, tuple[ModelSpec, ...]] = {
    "auto": (GPT_TERRA, SONNET, FLASH),
    "auto:cheap": (GPT_LUNA, HAIKU, FLASH_LITE, LLAMA, LLAMA_SMALL),
    "auto:best": (OPUS, GPT_SOL, ARGON),
}


class Catalogue:
    """The models by name, and who may answer for each name that a caller may use. `quality` is what finishers are
    chosen by."""

    def __init__(self, models: Iterable[ModelSpec] = MODELS, quality: Quality = PRIOR) -> None:
        self._models = {spec.name: spec for spec in models}
        self._quality = quality
        self._named = {name: (spec,) for name, spec in self._models.items()}
        self._open = tuple(spec for spec in self._models.values() if not spec.searches)
        self._finishers = {spec.name: self._may_finish(spec) for spec in self._models.values()}

    def names(self) -> tuple[str, ...]:
        """All names that a request's `model` may have: the choices first, then the models."""
        return (*AUTO, *self._models)

    def models(self) -> tuple[ModelSpec, ...]:
        """All models, in the catalogue's order."""
        return tuple(self._models.values())

    def get(self, name: str) -> ModelSpec:
        """The model of that name. Raises UnknownModel."""
        try:
            return self._models[name]
        except KeyError:
            raise UnknownModel(f"The model '{name}' does not exist.", param="model") from None

    def choice(self, name: str) -> Need | None:
        """What a choice such as `auto` asks of the model that answers; None for a name that is no choice."""
        return _NEEDS.get(name)

    def candidates(self, name: str) -> tuple[ModelSpec, ...]:
        """Who may be routed to for `name`: for a choice every model that does not search, for a model that model
        alone. The same tuple each time. Raises UnknownModel."""
        if name in _NEEDS:
            return self._open
        self.get(name)
        return self._named[name]

    def finishers(self, spec: ModelSpec) -> tuple[ModelSpec, ...]:
        """Who may finish an answer that `spec` began: at most three that chat nearly as well, other providers first,
        then the cheaper. What a search model began only another one goes on with. Raises UnknownModel."""
        self.get(spec.name)
        return self._finishers[spec.name]

    def ladder(self, name: str) -> tuple[ModelSpec, ...]:
        """Who may answer for `name`, in order: a choice has fallbacks, a named model stands alone (its caller asked
        for that model, not for one like it). Raises UnknownModel."""
        if name in _LADDERS:
            return tuple(self._models[spec.name] for spec in _LADDERS[name] if spec.name in self._models)
        return (self.get(name),)

    def _may_finish(self, begun: ModelSpec) -> tuple[ModelSpec, ...]:
        least = 0.0 if begun.searches else self._quality.of(begun.name, "chat") - _NEARLY - 1e-9
        fit = [
            spec
            for spec in self._models.values()
            if spec.name != begun.name
            and spec.searches == begun.searches
            and self._quality.of(spec.name, "chat") >= least
        ]
        fit.sort(key=lambda spec: (spec.provider == begun.provider, _dearest(spec)))
        return tuple(fit[:_FINISHERS])


def _dearest(spec: ModelSpec) -> D:
    """Of its dated prices the highest, for a question four times as long as its answer: an order that no date turns."""
    return max(4 * price.input + price.output for price in spec.prices)
