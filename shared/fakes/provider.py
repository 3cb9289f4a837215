"""A provider without a network: replies are scripted, time is the test's own."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.core.chunk import Chunk
from shared.core.faults import ProviderFault, Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.ports.provider import WireRequest

Move = Chunk | ProviderFault | float
"""One move of a script: a chunk, a fault, or a silence in seconds."""


@dataclass(slots=True)
class ScriptedReply:
    """`ports.provider.Reply` from a script."""

    moves: Sequence[Move]
    status: int = 200
    simulated: bool = True
    pool: str = ""
    sent: int = 0

    async def chunks(self) -> AsyncGenerator[Sequence[Chunk], None]:
        """Each chunk as a read of its own."""
        for move in self.moves:
            if isinstance(move, float):
                await asyncio.sleep(move)
            elif isinstance(move, ProviderFault):
                raise move
            else:
                self.sent += 1
                yield (move,)

    def raw(self) -> bytes:
        """A byte for each chunk sent: enough to see that what came was kept."""
        return b"." * self.sent


@dataclass(slots=True)
class ScriptedProvider:
    """`ports.provider.Provider` that answers each model from its script; `refuse` fails before an answer."""

    scripts: Mapping[str, Sequence[Move]]
    refuse: Mapping[str, ProviderFault] = field(default_factory=dict)
    unsayable: frozenset[str] = frozenset()
    """Models whose wire can't express the prompt."""
    rests: Mapping[str, Sequence[Move]] = field(default_factory=dict)
    """What a model that keeps its responses says when a broken one is taken up again."""
    then: Mapping[str, Sequence[Move]] = field(default_factory=dict)
    """What a model says when it is asked a second time."""
    asked: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def prepare(
        self, spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str, tenant: str = ""
    ) -> WireRequest:
        """The prompt's last text stands for the whole request."""
        if spec.name in self.unsayable:
            raise Rejected("This wire has no way to say that.")
        self.prompts.append(prompt)
        return WireRequest(f"scripted:{spec.name}", {}, prompt.messages[-1].text.encode(), stream)

    def resume(
        self, spec: ModelSpec, prompt: Prompt, *, request: WireRequest, received: bytes, request_id: str
    ) -> WireRequest | None:
        """Where there is a rest for the model and something was received, the request for it."""
        if spec.name not in self.rests or not received:
            return None
        return WireRequest(f"resumed:{spec.name}", {}, received, request.stream, method="GET", after=received)

    @asynccontextmanager
    async def send(self, request: WireRequest) -> AsyncGenerator[ScriptedReply, None]:
        """See the port."""
        kind, _, name = request.url.partition(":")
        self.asked.append(name if kind == "scripted" else request.url)
        if name in self.refuse:
            raise self.refuse[name]
        try:
            again = name in self.then and self.asked.count(name) > 1
            script = self.then[name] if again else self.scripts[name]
            yield ScriptedReply(self.rests[name] if request.after else script)
        finally:
            self.closed.append(name)
