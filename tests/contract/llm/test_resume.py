"""A broken response is taken up where it stopped, on the wires whose providers keep it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from infra.simulator import Fault, Simulator, start
from shared.adapters.llm.client import Client, HttpProvider, open_client
from shared.adapters.llm.wires import WIRES
from shared.core.answer import collect
from shared.core.chunk import Chunk, Ended, Text
from shared.core.faults import Cut, Malformed, ProviderFault, Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import ask
from shared.ports.provider import WireRequest
from tests.contract.llm.specs import FLASH, LLAMA, LUNA, SOL, SONAR, SONNET

GEMINI, RESPONSES = replace(FLASH, resume=True, thinks=False), replace(SOL, resume=True)
VLLM = replace(LLAMA, resume=True)
QUESTION = ask("Describe a lighthouse keeper's evening in a few words.", max_output=150)
LONGER = ask("Describe a lighthouse keeper's evening.", max_output=2_000)
STRIDE = 61
keeping = pytest.mark.parametrize("spec", [GEMINI, RESPONSES, VLLM], ids=lambda spec: spec.wire)


class World:
    """A simulator, a client, and what came of the requests to it."""

    def __init__(self, simulator: Simulator, client: Client) -> None:
        self.simulator, self.client = simulator, client

    def provider(self, spec: ModelSpec) -> HttpProvider:
        return HttpProvider(self.client, self.simulator.url(spec.provider), "sim-key")

    async def hear(
        self, spec: ModelSpec, request: WireRequest
    ) -> tuple[list[Chunk], bytes, ProviderFault | None]:
        seen: list[Chunk] = []
        async with self.provider(spec).send(request) as reply:
            try:
                async for batch in reply.chunks():
                    seen.extend(batch)
            except ProviderFault as fault:
                return seen, reply.raw(), fault
            return seen, reply.raw(), None

    def first(self, spec: ModelSpec, prompt: object = QUESTION) -> WireRequest:
        return self.provider(spec).prepare(
            spec, QUESTION if prompt is QUESTION else LONGER, stream=True, request_id="t"
        )

    def again(self, spec: ModelSpec, request: WireRequest, received: bytes) -> WireRequest | None:
        provider = self.provider(spec)
        return provider.resume(spec, QUESTION, request=request, received=received, request_id="t")


@pytest.fixture
async def world() -> AsyncGenerator[World, None]:
    async with start() as simulator, open_client() as client:
        yield World(simulator, client)


@pytest.mark.parametrize(("spec", "checkpoints"), [(GEMINI, 1), (GEMINI, 3), (RESPONSES, 1), (VLLM, 1)])
async def test_an_answer_that_broke_anywhere_comes_whole_and_once(
    world: World, spec: ModelSpec, checkpoints: int
) -> None:
    """Whatever byte it broke at, what had come and what the resumption brings are the answer, to the letter."""
    world.simulator.plan(Fault("pace", checkpoints=checkpoints), times=1)
    request = world.first(spec)
    wanted, body, _ = await world.hear(spec, request)
    resumed = 0
    for at in range(0, len(body), STRIDE):
        world.simulator.plan(Fault("cut", after_bytes=at, checkpoints=checkpoints), times=1)
        chunks, received, fault = await world.hear(spec, request)
        if fault is None:  # it had said why it ended
            assert collect(chunks).text == collect(wanted).text
            continue
        assert isinstance(fault, Cut)
        if (more := world.again(spec, request, received)) is None:
            continue
        resumed += 1
        rest, _, fault = await world.hear(spec, more)
        assert fault is None, (at, fault)
        assert collect([*chunks, *rest]).text == collect(wanted).text, at
        assert isinstance(rest[-1], Ended)
    assert resumed > len(body) // STRIDE // 2


@keeping
async def test_a_resumption_that_breaks_is_taken_up_again(world: World, spec: ModelSpec) -> None:
    """Any number of breaks in a row: nothing comes twice and nothing is lost."""
    request = world.first(spec, LONGER)
    wanted = collect((await world.hear(spec, request))[0])
    heard: list[Chunk] = []
    more: WireRequest | None = request
    size = 6_000 if spec is RESPONSES else 2_500
    breaks = 0
    while more is not None:
        world.simulator.plan(Fault("cut", after_bytes=size, checkpoints=1))
        chunks, received, fault = await world.hear(spec, more)
        heard += chunks
        if fault is None:
            break
        breaks += 1
        more = world.again(spec, more, received)
    assert breaks > 2
    assert collect(heard).text == wanted.text
    assert collect(heard).finish == "stop"


@pytest.mark.parametrize("spec", [LUNA, SONNET, SONAR, LLAMA, FLASH, SOL], ids=lambda spec: spec.wire)
async def test_who_keeps_nothing_is_not_asked(world: World, spec: ModelSpec) -> None:
    """Without `resume`, or on a wire that has no way, there is no resumption, and nothing is stored at a vendor."""
    request = world.first(spec)
    _, body, _ = await world.hear(spec, request)
    assert world.again(spec, request, body[: len(body) // 2]) is None
    assert b'"store":true' not in request.body
    assert b"background" not in request.body


@keeping
async def test_nothing_received_is_nothing_to_go_on_from(world: World, spec: ModelSpec) -> None:
    """Not a byte, or half an event: the question has to be asked anew."""
    request = world.first(spec)
    for received in (b"", b"data: {", b"event: x\n", b"<html>"):
        assert world.again(spec, request, received) is None


@pytest.mark.parametrize("spec", [GEMINI, RESPONSES], ids=lambda spec: spec.wire)
async def test_a_forgotten_response_is_rejected(world: World, spec: ModelSpec) -> None:
    """The provider no longer has it: a fault before any text, so the next rung goes on."""
    request = world.first(spec, LONGER)
    world.simulator.plan(Fault("cut", after_bytes=4_000, checkpoints=1))
    _, received, _ = await world.hear(spec, request)
    world.simulator.plan(Fault("forget"), times=None)
    more = world.again(spec, request, received)
    assert more is not None
    chunks, _, fault = await world.hear(spec, more)
    assert not chunks
    assert isinstance(fault, Rejected)


async def test_gemini_stops_at_its_own_limit_and_goes_on(world: World) -> None:
    """finishReason CONTINUATION is a break like any other, and each request reports its own usage."""
    request = world.first(GEMINI, LONGER)
    wanted = collect((await world.hear(GEMINI, request))[0])
    world.simulator.plan(Fault("continuation", after_chunks=5))
    chunks, received, fault = await world.hear(GEMINI, request)
    assert isinstance(fault, Cut)
    more = world.again(GEMINI, request, received)
    assert more is not None
    assert json.loads(more.body)["continuationToken"]
    assert {**json.loads(more.body), "continuationToken": ""} == {
        **json.loads(request.body),
        "continuationToken": "",
    }
    rest, _, fault = await world.hear(GEMINI, more)
    assert fault is None
    assert collect([*chunks, *rest]).text == wanted.text
    usage, whole = collect(rest).usage, wanted.usage
    assert usage is not None
    assert whole is not None
    assert usage.input == whole.input
    assert 0 < usage.output < whole.output


def event(text: str, token: str = "", **more: object) -> dict[str, object]:
    candidate = {
        "content": {"parts": [{"text": text}]},
        **({"continuationToken": token} if token else {}),
        **more,
    }
    return {"candidates": [candidate]}


def body(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in events)


def taken_up(received: bytes, rest: bytes) -> list[Chunk]:
    """The rest as a resumed reader hands it out."""
    wire = WIRES["gemini"]
    assert wire.resume is not None
    more = wire.resume(WireRequest("u", {}, b"{}", True, "gemini"), received)
    assert more is not None
    reader = wire.reader(200, {}, more.after)
    return [*reader.feed(rest), *reader.end()]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_what_gemini_says_again_is_not_handed_out_again(size: int) -> None:
    """What came after the token comes once more, in other pieces: only what is new goes out."""
    tail = "two three four"
    pieces = [f"{tail} five."[at : at + size] for at in range(0, len(tail) + 6, size)]
    rest = body(*(event(one) for one in pieces), event("", finishReason="STOP"))
    heard = taken_up(body(event("one ", "T"), event("two three "), event("four")), rest)
    assert "".join(chunk.text for chunk in heard if isinstance(chunk, Text)) == " five."


@pytest.mark.parametrize(
    "rest",
    [
        (event("two other"),),
        (event("tw"), event("", finishReason="STOP")),
        (event("", finishReason="STOP"),),
    ],
)
def test_another_text_is_not_joined_on(rest: tuple[object, ...]) -> None:
    """Where Gemini writes something else from its token on, nothing of it goes out: the ladder has other ways."""
    with pytest.raises(Malformed):
        taken_up(body(event("one ", "T"), event("two three")), body(*rest))


def test_an_answer_that_had_ended_is_not_taken_up() -> None:
    """A token beside the end is of no use, and half a tool call's text would come twice."""
    wire = WIRES["gemini"]
    assert wire.resume is not None
    request = WireRequest("u", {}, b"{}", True, "gemini")
    assert wire.resume(request, body(event("all", "T", finishReason="STOP"))) is None
    called = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}}]}
    assert wire.resume(request, body(event("one", "T"), called)) is None
    assert wire.resume(request, body(event("one"), event("two"))) is None


async def test_a_kept_response_is_cancelled_when_its_reader_leaves(world: World) -> None:
    """Closing the connection does not stop a response that runs in the background: OpenAI is told."""
    world.simulator.plan(Fault("stall", after_chunks=3))
    request = world.first(RESPONSES)
    seen = 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), world.provider(RESPONSES).send(request) as reply:
            async for _ in reply.chunks():
                seen += 1
    assert seen
    assert world.simulator.calls()[-1].path.endswith("/cancel")
    await world.hear(RESPONSES, request)
    assert not world.simulator.calls()[-1].path.endswith("/cancel")
