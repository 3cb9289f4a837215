"""Whole exchanges on every wire, against the simulated providers: what we send is taken, what they send is read."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from infra.simulator import Fault, Simulator, start
from shared.adapters.llm.client import Client, HttpProvider, open_client
from shared.core.answer import collect
from shared.core.chunk import Chunk, Completion, Ended
from shared.core.faults import (
    Cut,
    Malformed,
    Overloaded,
    ProviderFault,
    Rejected,
    Throttled,
    TimedOut,
    Unauthorised,
)
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Image, Message, Prompt, Tool, ToolCall, ToolChoice, ask
from shared.core.schema import Schema
from tests.contract.llm.specs import FLASH, HAIKU, LLAMA, LUNA, ONE_EACH, SOL, SONAR, SONNET

QUESTION = ask("Describe a lighthouse keeper's evening.", system="You write plainly.", max_output=2_000)
WEATHER = Tool(
    "get_weather",
    "The weather in a city.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 40},
            "days": {"type": "integer", "minimum": 1},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    },
)
BOOK = Schema(
    "book",
    {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 80},
            "year": {"type": "integer", "minimum": 1900, "maximum": 2100},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 4},
        },
        "required": ["title", "year", "tags"],
    },
)
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="
named = pytest.mark.parametrize("spec", [*ONE_EACH, HAIKU], ids=lambda spec: f"{spec.wire}-{spec.name}")
both = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])


class World:
    """A simulator and a client, with a provider for each of its base URLs."""

    def __init__(self, simulator: Simulator, client: Client) -> None:
        self.simulator = simulator
        self._client = client

    def provider(self, spec: ModelSpec, key: str = "sim-key") -> HttpProvider:
        return HttpProvider(self._client, self.simulator.url(spec.provider), key)

    async def ask(
        self, spec: ModelSpec, prompt: Prompt, *, stream: bool = True, key: str = "sim-key"
    ) -> Completion:
        provider = self.provider(spec, key)
        request = provider.prepare(spec, prompt, stream=stream, request_id="trace-span")
        seen: list[Chunk] = []
        async with provider.send(request) as reply:
            assert reply.simulated
            async for chunks in reply.chunks():
                seen.extend(chunks)
        assert isinstance(seen[-1], Ended)
        return collect(seen)


@pytest.fixture
async def world() -> AsyncGenerator[World, None]:
    async with start() as simulator, open_client() as client:
        yield World(simulator, client)


@named
@both
async def test_an_answer_comes_with_its_text_end_and_bill(
    world: World, spec: ModelSpec, stream: bool
) -> None:
    """Text, a normal end, counted tokens, an id and the provider's name of the model, on every wire."""
    answer = await world.ask(spec, QUESTION, stream=stream)
    assert len(answer.text) > 200
    assert answer.finish == "stop"
    assert answer.usage is not None
    assert answer.usage.input > 0
    assert answer.usage.output > 0
    assert answer.usage.reasoning <= answer.usage.output
    assert answer.response_id
    assert spec.native.rpartition("/")[2] in answer.model
    assert answer.tool_calls == ()


@named
async def test_streamed_and_whole_say_the_same(world: World, spec: ModelSpec) -> None:
    """How an answer travels changes neither its text nor its end."""
    streamed = await world.ask(spec, QUESTION, stream=True)
    whole = await world.ask(spec, QUESTION, stream=False)
    assert (streamed.text, streamed.finish) == (whole.text, whole.finish)
    assert streamed.usage is not None
    assert whole.usage is not None
    assert (streamed.usage.input, streamed.usage.output) == (whole.usage.input, whole.usage.output)


@named
@both
async def test_a_structured_answer_satisfies_its_schema(world: World, spec: ModelSpec, stream: bool) -> None:
    """A schema that is sent, in the provider's dialect, is kept by what comes back."""
    prompt = replace(ask("Describe a book."), schema=BOOK)
    answer = await world.ask(spec, prompt, stream=stream)
    assert BOOK.problems(json.loads(answer.text)) == ()


@pytest.mark.parametrize("spec", [LUNA, SOL, SONNET, HAIKU, FLASH, LLAMA], ids=lambda spec: spec.name)
@both
async def test_a_tool_is_called_its_result_heard_and_the_turn_ends(
    world: World, spec: ModelSpec, stream: bool
) -> None:
    """A tool that must be called is, with arguments of its schema; its result goes back and prose comes."""
    question = Message("user", "What is the weather in Bergen for two days? Use the tool.")
    prompt = Prompt((question,), tools=(WEATHER,), tool_choice=ToolChoice("required", "get_weather"))
    called = await world.ask(spec, prompt, stream=stream)
    if spec.forced_tools:
        assert called.finish == "tool_calls"
        assert [call.name for call in called.tool_calls] == ["get_weather"]
        assert set(json.loads(called.tool_calls[0].arguments)) == {"city", "days"}
    call = (
        called.tool_calls[0] if called.tool_calls else ToolCall("call_1", "get_weather", '{"city":"Bergen"}')
    )
    turns = (
        question,
        Message("assistant", called.text, tool_calls=(call,)),
        Message("tool", "Rain, 7 degrees.", tool_call_id=call.id),
    )
    answered = await world.ask(spec, Prompt(turns, tools=(WEATHER,)), stream=stream)
    assert answered.finish == "stop"
    assert answered.text


@pytest.mark.parametrize("spec", [LUNA, SOL, SONNET, FLASH], ids=lambda spec: spec.name)
async def test_an_image_is_taken(world: World, spec: ModelSpec) -> None:
    """Images by address and by value travel in each provider's own shape."""
    images = (Image(PIXEL), Image("https://example.org/cat.png"))
    answer = await world.ask(spec, Prompt((Message("user", "What is this?", images=images),)))
    assert answer.text


@named
@both
async def test_a_limit_on_the_output_ends_it_by_length(world: World, spec: ModelSpec, stream: bool) -> None:
    """An answer that hits its limit says so."""
    answer = await world.ask(spec, replace(QUESTION, max_output=40), stream=stream)
    assert answer.finish == "length"


async def test_a_cut_answer_is_continued_exactly_on_vllm(world: World) -> None:
    """The words after a given beginning are the words that would have come."""
    whole = await world.ask(LLAMA, QUESTION)
    words = whole.text.split(" ")
    begun = " ".join(words[: len(words) // 2])
    turns = (*QUESTION.messages, Message("assistant", begun))
    rest = await world.ask(LLAMA, replace(QUESTION, messages=turns, continue_final=True))
    assert begun + rest.text == whole.text


async def test_the_providers_own_bill_is_booked(world: World) -> None:
    """Perplexity's total, request fee included, and its sources arrive with the answer."""
    answer = await world.ask(SONAR, QUESTION)
    assert answer.usage is not None
    assert answer.usage.reported_cost_micros is not None
    assert answer.usage.reported_cost_micros >= 5_000
    assert answer.citations


STATUSES: list[tuple[int, type[ProviderFault]]] = [
    (400, Rejected),
    (401, Unauthorised),
    (403, Unauthorised),
    (404, Rejected),
    (408, TimedOut),
    (413, Rejected),
    (422, Rejected),
    (429, Throttled),
    (500, Overloaded),
    (502, Overloaded),
    (503, Overloaded),
    (529, Overloaded),
]


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_every_error_status_is_its_fault_on_every_wire(world: World, spec: ModelSpec) -> None:
    """One table for all providers, each in its own error shape; 429 carries the wait asked for."""
    for status, kind in STATUSES:
        world.simulator.plan(Fault("status", status=status, message=f"said {status}", retry_after=3.0))
        with pytest.raises(kind) as raised:
            await world.ask(spec, QUESTION)
        assert f"said {status}" in raised.value.message or (spec is LLAMA and status == 401)
        assert type(raised.value) is kind
        assert raised.value.provider_status == status
        assert raised.value.provider_code
        if status == 429:
            assert raised.value.retry_after == pytest.approx(3.0)


CUTS = [
    Fault("close", after_chunks=3),
    Fault("cut", after_chunks=3),
    Fault("reset", after_chunks=3),
    Fault("cut", after_bytes=700),
    Fault("close", after_bytes=701),
]


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
@pytest.mark.parametrize(
    "fault", CUTS, ids=lambda fault: f"{fault.kind}-{fault.after_bytes or fault.after_chunks}"
)
async def test_an_answer_that_breaks_off_is_cut(world: World, spec: ModelSpec, fault: Fault) -> None:
    """However a connection ends, an answer without its end is Cut and never passes for a short one."""
    world.simulator.plan(fault)
    with pytest.raises(Cut):
        await world.ask(spec, QUESTION)


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_errors_inside_a_200_are_faults(world: World, spec: ModelSpec) -> None:
    """An error event, an event of broken JSON and a proxy's page each raise what they are."""
    world.simulator.plan(Fault("error_event", status=529, after_chunks=2))
    with pytest.raises(Overloaded):
        await world.ask(spec, QUESTION)
    world.simulator.plan(Fault("malformed", after_chunks=2))
    with pytest.raises(Malformed):
        await world.ask(spec, QUESTION)
    world.simulator.plan("junk_body")
    with pytest.raises(Malformed):
        await world.ask(spec, QUESTION)
    world.simulator.plan("drop")
    with pytest.raises(Overloaded):
        await world.ask(spec, QUESTION)


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
@pytest.mark.parametrize("fault", ["duplicate_terminal", "junk_type"])
async def test_oddities_of_real_gateways_change_nothing(world: World, spec: ModelSpec, fault: str) -> None:
    """An end that is said twice, and a stream under a wrong content type, read like any other."""
    usual = await world.ask(spec, QUESTION)
    world.simulator.plan(fault)
    odd = await world.ask(spec, QUESTION)
    assert (odd.text, odd.finish) == (usual.text, usual.finish)


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_bytes_split_anywhere_on_the_network_read_the_same(world: World, spec: ModelSpec) -> None:
    """Reads of seven bytes, in the middle of characters and line ends, change nothing."""
    usual = await world.ask(spec, QUESTION)
    world.simulator.plan(Fault("pace", split_bytes=7))
    assert (await world.ask(spec, QUESTION)).text == usual.text


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_a_refusal_is_the_models_answer(world: World, spec: ModelSpec) -> None:
    """A refusal is a normal end, told as far as the wire can tell it, and never an outage."""
    world.simulator.plan("refuse")
    answer = await world.ask(spec, QUESTION)
    told = {"gemini": "content_filter", "perplexity": "stop", "vllm": "stop"}
    assert answer.finish == told.get(spec.wire, "refusal")
    assert answer.usage is not None


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_a_wrong_key_is_unauthorised(world: World, spec: ModelSpec) -> None:
    """Each wire carries the credential where its provider looks for it."""
    with pytest.raises(Unauthorised):
        await world.ask(spec, QUESTION, key="bad")
    with pytest.raises(Unauthorised):
        await world.ask(spec, QUESTION, key="")


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_a_caller_that_leaves_stops_the_provider(world: World, spec: ModelSpec) -> None:
    """The provider sees the call cancelled within a tenth of a second."""
    world.simulator.plan(Fault("pace", tpot_ms=20))
    provider = world.provider(spec)
    async with provider.send(provider.prepare(spec, QUESTION, stream=True, request_id="t")) as reply:
        await anext(reply.chunks())
    for _ in range(10):
        await asyncio.sleep(0.01)
        if world.simulator.calls()[-1].cancelled:
            return
    pytest.fail("the provider went on")
