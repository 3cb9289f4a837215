"""The models' health in memory: several `MemoryHealth` over one `MemoryHealthStore` are several containers."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.core.faults import Unavailable
from shared.core.model_spec import ModelSpec
from shared.models.breaker import mark_of
from shared.models.figures import Minutes, counted, tell
from shared.models.picture import NO_TURNS, Picture, Turns, milliseconds
from shared.ports.clock import Clock
from shared.ports.health import Report, Standing


class MemoryHealthStore:
    """What all containers see. While `away` it can't be reached: each container goes by what it saw itself."""

    def __init__(self) -> None:
        self.picture = Picture()
        self.minutes = Minutes()
        self.away = False


class MemoryHealth:
    """`ports.health.Health`. What one tells, all others on the same store see at once.

    `put` sets a standing by hand, for tests of whoever reads them; `reports` is all that was told, in order.
    """

    def __init__(self, clock: Clock, store: MemoryHealthStore | None = None) -> None:
        self._clock = clock
        self._shared = store or MemoryHealthStore()
        self._own = MemoryHealthStore()
        self._turns: dict[str, Turns] = {}
        self._put: dict[str, Standing] = {}
        self.reports: list[Report] = []

    def put(self, model: str, standing: Standing | None) -> None:
        """From now on this is how the model stands, whatever is reported; None ends that."""
        if standing is None:
            self._put.pop(model, None)
        else:
            self._put[model] = standing

    def standing(self, spec: ModelSpec) -> Standing:
        """See the port."""
        put = self._put.get(spec.name)
        if put is not None:
            return put
        store, now = self._store, self._now()
        store.picture.count(tell(store.minutes.total(now)))
        return store.picture.standing(spec.name, spec.provider, lambda: now)

    def report(self, report: Report) -> None:
        """See the port."""
        self.reports.append(report)
        now, mark = self._now(), mark_of(report)
        turns = self._turns.pop(report.model, NO_TURNS)
        self._store.picture.hear(report.model, report.provider, mark, now, turns)
        self._store.minutes.add(Counter(counted(report.model, mark, report.first_token_ms)), now)

    async def probe(self, spec: ModelSpec) -> bool:
        """See the port."""
        put = self._put.get(spec.name)
        if put is not None:
            due = put.until is not None and put.until <= self._clock.now()
            return put.state == "closed" or (put.state == "open" and due)
        turns = self._store.picture.take(spec.name, spec.provider, self._now())
        if turns is None:
            return False
        self._turns[spec.name] = turns
        return True

    async def quarantine(self, models: Sequence[str], why: str | None) -> None:
        """See the port."""
        picture = self._reached().picture
        out = dict(picture.quarantined)
        for model in models:
            out.pop(model, None)
            if why is not None:
                out[model] = why
        picture.quarantined = out

    async def table(self) -> Mapping[str, Standing]:
        """See the port. What was `put` is in it."""
        store, now = self._reached(), self._now()
        store.picture.count(tell(store.minutes.total(now)))
        return store.picture.table(now) | self._put

    @property
    def _store(self) -> MemoryHealthStore:
        return self._own if self._shared.away else self._shared

    def _reached(self) -> MemoryHealthStore:
        if self._shared.away:
            raise Unavailable("The store is away.")
        return self._shared

    def _now(self) -> int:
        return milliseconds(self._clock.now())
