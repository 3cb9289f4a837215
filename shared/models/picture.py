"""All breakers and figures together, as one process sees them. Pure: time comes from the caller."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.models.breaker import Breaker, Mark
from shared.models.figures import NOTHING, Figures
from shared.ports.health import Standing, State

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Turns(NamedTuple):
    """Which probes a leg is: of its model's breaker, and of its provider's. 0 for none."""

    model: int = 0
    provider: int = 0


NO_TURNS = Turns()


class Picture:
    """Times are milliseconds of the epoch. `figures` and `quarantined` are replaced as a whole (`draw`)."""

    def __init__(self) -> None:
        self.models: dict[str, Breaker] = {}
        self.providers: dict[str, Breaker] = {}
        self.quarantined: Mapping[str, str] = {}
        self.figures: Mapping[str, Figures] = {}
        self._calm: dict[str, Standing] = {}

    def draw(
        self,
        models: dict[str, Breaker],
        providers: dict[str, Breaker],
        quarantined: Mapping[str, str],
        figures: Mapping[str, Figures] | None = None,
    ) -> None:
        """Put another picture in the place of this one; without `figures` those stay."""
        self.models, self.providers, self.quarantined = models, providers, quarantined
        if figures is not None:
            self.count(figures)

    def count(self, figures: Mapping[str, Figures]) -> None:
        """New figures."""
        self.figures = figures
        self._calm.clear()

    def hear(self, model: str, provider: str, mark: Mark, now: int, turns: Turns = NO_TURNS) -> None:
        """A leg ended."""
        if mark.kind == "aside" and turns == NO_TURNS:
            return
        breaker = self.models.get(model)
        if breaker is None:
            breaker = self.models[model] = Breaker(provider=provider)
        breaker.hear(mark, now, turns.model)
        whole = self.providers.get(provider)
        if whole is None:
            whole = self.providers[provider] = Breaker()
        whole.hear_of(model, mark, now, turns.provider)

    def due(self, model: str, provider: str, now: int) -> bool:
        """Whether a call may go: closed, or the time for a probe that nobody has."""
        both = self._breakers(model, provider)
        return model not in self.quarantined and all(one is None or one.due(now) for one in both)

    def take(self, model: str, provider: str, now: int) -> Turns | None:
        """Take the probe of a model, and of its provider where that is open as well; None where it is not to be had."""
        if not self.due(model, provider, now):
            return None
        return Turns(*(0 if one is None else one.take(now) for one in self._breakers(model, provider)))

    def taken(self, model: str, provider: str, turns: Turns, now: int) -> None:
        """Somebody else, who knows better, gave a probe out."""
        for breaker, turn in zip(self._breakers(model, provider), turns, strict=True):
            if breaker is not None and turn:
                breaker.take(now)
                breaker.turn = turn

    def standing(self, model: str, provider: str, now: Callable[[], int]) -> Standing:
        """How a model does. The clock is read only where something is the matter."""
        breaker, whole = self.models.get(model), self.providers.get(provider)
        well = (breaker is None or not breaker.until) and (whole is None or not whole.until)
        if well and model not in self.quarantined:
            calm = self._calm.get(model)
            if calm is None:
                calm = self._calm[model] = self._stands(model, "closed")
            return calm
        return self._troubled(model, provider, now())

    def table(self, now: int) -> dict[str, Standing]:
        """All models that anything is known of, by name."""
        names = sorted({*self.models, *self.figures, *self.quarantined})
        return {name: self.standing(name, self._provider(name), lambda: now) for name in names}

    def _provider(self, model: str) -> str:
        breaker = self.models.get(model)
        return breaker.provider if breaker is not None else ""

    def _breakers(self, model: str, provider: str) -> tuple[Breaker | None, Breaker | None]:
        return self.models.get(model), self.providers.get(provider)

    def _troubled(self, model: str, provider: str, now: int) -> Standing:
        if model in self.quarantined:
            return self._stands(model, "quarantined", why=self.quarantined[model])
        names = (model, provider)
        found = [
            (name, one)
            for name, one in zip(names, self._breakers(model, provider), strict=True)
            if one is not None and one.until
        ]
        until = max(max(one.until, one.lapse if one.lapse > now else 0) for _, one in found)
        early = any(one.until > now for _, one in found)
        probing = any(one.lapse > now for _, one in found)
        why = "; ".join(f"{name} {one.why}" for name, one in found)
        return self._stands(model, "probing" if probing and not early else "open", until, why)

    def _stands(self, model: str, state: State, until: int = 0, why: str = "") -> Standing:
        figures = self.figures.get(model, NOTHING)
        return Standing(
            state=state,
            until=_EPOCH + timedelta(milliseconds=until) if until else None,
            why=why,
            first_token_p50_ms=figures.p50,
            first_token_p95_ms=figures.p95,
            calls=figures.calls,
            failures=figures.failures,
        )


def milliseconds(at: datetime) -> int:
    """A time as the milliseconds of the epoch."""
    return int(at.timestamp() * 1000)
