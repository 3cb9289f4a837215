"""What the cache has for a request: its own answer, or that of a request which is proven to ask the same (law 9)."""

from asyncio import Semaphore
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from shared.core.faults import Fault
from shared.core.frozen import quick
from shared.core.leg import Call, Served
from shared.ports.answers import Answers, Stored
from shared.ports.clock import Clock
from shared.ports.embedder import Embedder
from shared.ports.near import NearRecord
from shared.recall.judge import Judge
from shared.recall.naming import Named
from shared.recall.near.content import content
from shared.recall.near.verify import verdict

_AT_ONCE = 2
"""Questions that are looked for in other words at a time: each takes some 10 ms of a core."""
_WAITING, _REMEMBERED = 256, 256


@quick
@dataclass(frozen=True, slots=True)
class Hit:
    """What may be served, as what, and why. `ms` is how long it took to find."""

    stored: Stored
    kind: Served
    why: dict[str, object]
    ms: int


@dataclass(slots=True)
class Lookup:
    """Finds answers. Without an embedder only the same content words in the same order are near; without a judge only
    what the verifier proves."""

    answers: Answers
    record: NearRecord
    clock: Clock
    embedder: Embedder | None = None
    judge: Judge | None = None
    _vectors: OrderedDict[str, Sequence[float]] = field(default_factory=OrderedDict)
    """Those of a miss are asked for again when its answer is stored."""
    _looking: int = 0
    _behind: Semaphore = field(default_factory=lambda: Semaphore(1))
    _waiting: int = 0

    async def find(self, call: Call, named: Named) -> Hit | None:
        """The answer that may be served for a call; None: it has to be asked."""
        began = self.clock.monotonic()
        found = await self.answers.find(call.tenant, named.key, named.frame, named.content, self.clock.now())
        if found.exact is not None:
            return Hit(found.exact, "hit", {}, self._ms(began))
        if not named.words or not (found.content or found.others):
            return None
        if not await self.record.is_open(call.tenant):
            return None
        if found.content is not None and verdict(found.content.words, named.words, None).near:
            return Hit(found.content, "near", {"reason": "the same content words"}, self._ms(began))
        return await self._nearest(call, named, began) if found.others else None

    async def vector_behind(self, words: str) -> Sequence[float] | None:
        """The vector that is stored with an answer, made behind everybody's back: one at a time, and none where too
        many wait. None too where no embedder serves the words."""
        if words in self._vectors or self._waiting >= _WAITING:
            return self._vectors.get(words)
        self._waiting += 1
        try:
            async with self._behind:
                return await self._vector(words)
        finally:
            self._waiting -= 1

    async def _vector(self, words: str) -> Sequence[float] | None:
        known = self._vectors.get(words)
        if known is not None or self.embedder is None or not comparable(words):
            return known
        try:
            (found,) = await self.embedder.embed([words])
        except Fault:
            return None  # a provider's embedder may be away: the exact tier goes on without it
        self._vectors[words] = found
        if len(self._vectors) > _REMEMBERED:
            self._vectors.popitem(last=False)
        return found

    @property
    def embedder_name(self) -> str:
        """Whose vectors these are: those of different embedders are never compared."""
        return "" if self.embedder is None else self.embedder.name

    def served(self, call: Call, named: Named, hit: Hit) -> None:
        """A near hit went out: one in a hundred is checked by asking anew."""
        if self.judge is not None:
            self.judge.check(call, named.words, hit.stored)

    async def _nearest(self, call: Call, named: Named, began: float) -> Hit | None:
        if self._looking >= _AT_ONCE:
            return None  # so many at once would make each other late: the provider is quicker by then
        self._looking += 1
        try:
            vector = await self._vector(named.words)
        finally:
            self._looking -= 1
        if vector is None:
            return None
        at = self.clock.now()
        near = await self.answers.near(call.tenant, named.frame, vector, self.embedder_name, at)
        for stored, score in near:
            found = verdict(stored.words, named.words, score)
            why: dict[str, object] = {"score": round(score, 4), "reason": found.reason}
            if found.near:
                return Hit(stored, "near", why, self._ms(began))
            pair = pair_of(named.frame, stored.words, named.words)
            if await self.record.admitted(call.tenant, pair):
                return Hit(stored, "near", why | {"reason": "a judge let the pair in"}, self._ms(began))
        if near and self.judge is not None:
            best = near[0][0]
            self.judge.ask(call, pair_of(named.frame, best.words, named.words), best, named.words)
        return None

    def _ms(self, began: float) -> int:
        return round((self.clock.monotonic() - began) * 1000)


def pair_of(frame: bytes, a: str, b: str) -> bytes:
    """The name of two texts in a frame, in either order."""
    first, second = sorted(sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (a, b))
    return sha256(frame + first + second).digest()


def comparable(words: str) -> bool:
    """Whether another wording could be told from these words at all: what can't be verified need not be embedded."""
    return bool(words) and content(words) is not None
