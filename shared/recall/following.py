"""A shared answer as those hear it who wait for it: legs of their own, for which nobody was asked."""

from collections.abc import Iterator, Mapping

from shared.core.chunk import Refusal, Text, ToolCallPart
from shared.core.faults import Cut, ProviderFault
from shared.core.leg import LegEnded, LegItem, LegStarted, Restarted, Served, Spliced
from shared.core.model_spec import ModelSpec
from shared.core.money import ZERO, Micros
from shared.core.usage import Usage
from shared.ports.clock import Clock
from shared.recall.broadcast import Heard, Landed, heard

_UNPAID = Usage(provenance="absent")


class Follower:
    """Makes legs of what is heard. `over` once the answer was delivered or failed; `alone` where it has to be asked for
    after all, for nobody who could still answer is heard."""

    __slots__ = (
        "_asked_at", "_began", "_clock", "_leg", "_spec", "_specs", "_text", "alone", "cost", "fault", "kind", "legs",
        "mixed", "over",
    )  # fmt: skip

    def __init__(self, specs: Mapping[str, ModelSpec], clock: Clock) -> None:
        self._specs, self._clock = specs, clock
        self._asked_at, self._began = clock.now().timestamp(), clock.monotonic()
        self._spec: ModelSpec | None = None
        self._text: list[str] = []
        self.legs = 0
        """Legs begun so far."""
        self.mixed = self.over = self.alone = False
        self.kind: Served = "joined"
        """What it is called: a hit where the answer was all there, and only not stored yet."""
        self.cost: Micros = ZERO
        """What the answer had cost its lead."""
        self.fault: ProviderFault | None = None

    @property
    def text(self) -> str:
        """What readers have of the answer, where it can be gone on with."""
        return "" if self.mixed else "".join(self._text)

    @property
    def any(self) -> bool:
        """Whether readers have anything."""
        return self.mixed or bool(self._text)

    def hear(self, message: bytes) -> Iterator[LegItem]:
        """What a message brings."""
        for item in heard(message):
            yield from self._heard(item)
            if self.over or self.alone:
                return

    def leave(self) -> Iterator[LegItem]:
        """Nothing more will be heard: the open leg ends."""
        if self._spec is not None:
            yield self._ended(Cut("The request that this one had joined broke off."))

    def _heard(self, item: Heard) -> Iterator[LegItem]:
        match item:
            case str():
                yield from self.leave()
                self._spec = self._specs.get(item)
                self.alone = self._spec is None
                if self._spec is not None:
                    self.legs += 1
                    yield LegStarted(self.legs, self._spec, b"", "", {"cache": self.kind}, self.kind)
            case Restarted():
                self._text, self.mixed = [], False
                yield Restarted(self.legs)
            case Spliced():
                yield Spliced(self.legs, item.how)
            case Landed():
                yield from self._landed(item)
            case _:
                for chunk in item:
                    if isinstance(chunk, Text):
                        self._text.append(chunk.text)
                    self.mixed = self.mixed or isinstance(chunk, ToolCallPart | Refusal)
                yield item

    def _landed(self, landed: Landed) -> Iterator[LegItem]:
        if self._spec is None or (landed.fault is not None and landed.at < self._asked_at):
            self.alone = True  # what failed before this was asked for may go well now
            return
        self.over, self.fault, self.cost = True, landed.fault, landed.cost or ZERO
        yield self._ended(landed.fault, landed)

    def _ended(self, fault: ProviderFault | None, landed: Landed | None = None) -> LegEnded:
        spec, self._spec = self._spec, None
        assert spec is not None
        ms = round((self._clock.monotonic() - self._began) * 1000)
        if landed is None or fault is not None:
            return LegEnded(self.legs, spec, b"", _UNPAID, ZERO, "error", fault, 0, None, ms)
        return LegEnded(
            self.legs, spec, b"", _UNPAID, ZERO, landed.finish, None, 0, None, ms, landed.simulated,
            landed.response_id, (landed.cost, landed.used),
        )  # fmt: skip
