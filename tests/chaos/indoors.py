"""The simulated providers without a network: hundreds of broken answers a second, cut at whatever byte a test says."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from infra.simulator import openai_responses, server
from infra.simulator.exchange import Exchanges, stamped_bytes
from infra.simulator.failure import WireError
from infra.simulator.faults import Fault
from infra.simulator.wire import Target
from shared.adapters.clock import SystemClock
from shared.adapters.llm.client import HttpProvider
from shared.adapters.llm.wire import Reader
from shared.adapters.llm.wires import WIRES
from shared.core.chunk import Chunk, Text
from shared.core.faults import ProviderFault
from shared.core.ids import SpanId, TenantId, TraceId
from shared.core.leg import Call, LegEnded, LegItem, LegStarted, Restarted, Servable, Spliced
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.fakes.health import MemoryHealth
from shared.models.failover import Failover, Limits
from shared.ports.provider import WireRequest

SIMULATED = {
    "openai-chat": server.CHAT,
    "openai-responses": server.RESPONSES,
    "anthropic": server.MESSAGES,
    "gemini": server.GEMINI,
    "perplexity": server.PERPLEXITY,
    "vllm": server.VLLM,
}
Split = Callable[[bytes], Iterable[bytes]]


def at_once(body: bytes) -> Iterable[bytes]:
    """The body as one network read."""
    return (body,) if body else ()


def by_event(body: bytes) -> Iterable[bytes]:
    """The body as a slow model's: an event a read, the last perhaps broken."""
    mark = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    parts = body.split(mark)
    return [part + mark for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def by_bytes(size: int) -> Split:
    """The body in reads of that many bytes."""
    return lambda body: [body[at : at + size] for at in range(0, len(body), size)]


class Answered:
    """`ports.provider.Reply` over bytes; after them the connection is gone."""

    def __init__(self, reader: Reader, status: int, reads: Iterable[bytes]) -> None:
        self.status, self.simulated, self.pool = status, True, ""
        self._reader, self._reads = reader, reads
        self._body: list[bytes] = []

    async def chunks(self) -> AsyncGenerator[Sequence[Chunk], None]:
        """See the port."""
        reader = self._reader
        for read in self._reads:
            self._body.append(read)
            if found := reader.feed(read):
                yield found
            if reader.fault is not None:
                raise reader.fault
        if found := reader.end():
            yield found
        if reader.fault is not None:
            raise reader.fault

    def raw(self) -> bytes:
        """See the port."""
        return b"".join(self._body)


@dataclass
class Indoors:
    """`ports.provider.Provider` that asks the simulator's wires in this process.

    `cuts` are the bytes after which the bodies of the coming replies end, in order; replies after them are whole.
    `fault` shapes every answer that is not the first (`seam`, `checkpoints`).
    """

    cuts: list[int] = field(default_factory=list)
    split: Split = at_once
    fault: Fault | None = None
    first: Fault | None = None
    sent: list[WireRequest] = field(default_factory=list)
    _exchanges: Exchanges = field(default_factory=Exchanges)

    def prepare(
        self, spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str, tenant: str = ""
    ) -> WireRequest:
        """See the port."""
        return self._http(spec).prepare(spec, prompt, stream=stream, request_id="")

    def resume(
        self, spec: ModelSpec, prompt: Prompt, *, request: WireRequest, received: bytes, request_id: str
    ) -> WireRequest | None:
        """See the port."""
        return self._http(spec).resume(
            spec, prompt, request=request, received=received, request_id=request_id
        )

    @asynccontextmanager
    async def send(self, request: WireRequest) -> AsyncGenerator[Answered, None]:
        """See the port."""
        fault = self.fault if self.sent else self.first
        self.sent.append(request)
        status, body = self.body(request, fault)
        if self.cuts:
            body = body[: self.cuts.pop(0)]
        reader = WIRES[request.wire].reader(status, {}, request.after)
        yield Answered(reader, status, self.split(body))

    def body(self, request: WireRequest, fault: Fault | None = None) -> tuple[int, bytes]:
        """What the provider says to this: the whole of it."""
        wire = SIMULATED[request.wire]
        if request.wire == "vllm" and not request.url.endswith("/chat/completions"):
            wire = server.COMPLETIONS
        path, query = urlsplit(request.url).path, parse_qs(urlsplit(request.url).query)
        if request.method == "GET":
            kept = self._exchanges.responses[path.rpartition("/")[2]]
            frames = openai_responses.after(kept.frames, int(query["starting_after"][0]))
            return 200, b"".join(frame.data for frame in frames)
        stamp = self._exchanges.stamp()
        named = path.rpartition("/")[2].partition(":")[0] if request.wire == "gemini" else ""
        target = Target(named, bool(named) and request.stream)
        try:
            prepared = self._exchanges.prepare(wire, target, request.body, fault)
            usage = self._exchanges.usage(prepared, "k")
            rendered = self._exchanges.render(wire, prepared, usage)
        except WireError as error:
            return error.status, b"%r" % error.message
        self._exchanges.keep(wire, prepared, rendered, usage, stamp)
        return 200, stamped_bytes(rendered.body, stamp)

    def again(self, *cuts: int) -> "Indoors":
        """The same, for the next call."""
        self.cuts, self.sent = list(cuts), []
        return self

    @staticmethod
    def _http(spec: ModelSpec) -> HttpProvider:
        # Only its way to write requests is used: nothing is sent.
        return HttpProvider(None, "http://indoors", "")  # type: ignore[arg-type]


@dataclass
class Told:
    """What came of a call."""

    text: str = ""
    legs: list[LegEnded] = field(default_factory=list)
    why: list[LegStarted] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    restarts: int = 0
    fault: ProviderFault | None = None


async def told(indoors: Indoors, prompt: Prompt, *ladder: ModelSpec, **more: object) -> Told:
    """What a reader of the call has in the end, and its legs."""
    clock = SystemClock()
    providers = {spec.provider: indoors for spec in ladder}
    models = Failover(providers, clock, MemoryHealth(clock), Limits())
    call = Call(TenantId("t"), TraceId("0" * 32), SpanId("1" * 16), prompt, ladder, **more)  # type: ignore[arg-type]
    found = Told()
    async with aclosing(models.stream(call)) as items:
        try:
            async for item in items:
                _note(item, found)
        except ProviderFault as fault:
            found.fault = fault
    return found


def _note(item: LegItem, found: Told) -> None:
    match item:
        case LegStarted():
            found.why.append(item)
        case LegEnded():
            found.legs.append(item)
        case Spliced():
            found.joins.append(item.how)
        case Restarted():
            found.restarts += 1
            found.text = ""
        case Servable():
            pass
        case _:
            found.text += "".join(chunk.text for chunk in item if isinstance(chunk, Text))
