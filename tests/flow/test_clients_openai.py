"""OpenAI's Python client, unchanged, against ChatSmart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.flow.house import House

HELLO: Any = [{"role": "user", "content": "Say something about tea."}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
MODELS = ["gpt-6-luna", "claude-haiku-5-5", "gemini-3.8-flash", "auto:cheap"]


class Person(BaseModel):
    """What the structured answers must be."""

    name: str
    age: int


@pytest.fixture
async def client(house: House) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as found:
        yield found


@pytest.mark.parametrize("model", MODELS)
async def test_a_plain_completion(client: openai.AsyncOpenAI, model: str) -> None:
    """Text, usage, a normal end, and an honest fingerprint, whatever wire is behind the name."""
    answer = await client.chat.completions.create(model=model, messages=HELLO)
    choice = answer.choices[0]
    assert choice.message.content
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer.system_fingerprint == "simulated"
    assert answer._request_id


@pytest.mark.parametrize("model", MODELS)
async def test_a_stream_is_the_same_text_in_pieces(client: openai.AsyncOpenAI, model: str) -> None:
    """Deltas add up to the answer that the same question gets whole; one end; usage only because it was asked for."""
    whole = await client.chat.completions.create(model=model, messages=HELLO)
    stream = await client.chat.completions.create(
        model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices].count("stop") == 1
    assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


async def test_without_asking_no_chunk_is_without_choices(client: openai.AsyncOpenAI) -> None:
    """Clients index `choices[0]` blindly."""
    stream = await client.chat.completions.create(model="gpt-6-luna", messages=HELLO, stream=True)
    assert all([len(chunk.choices) == 1 async for chunk in stream])


@pytest.mark.parametrize("model", MODELS)
async def test_tools_go_round_and_end(client: openai.AsyncOpenAI, model: str) -> None:
    """A forced call comes with arguments that fit the schema; after its result the model answers in words."""
    forced: Any = {"type": "function", "function": {"name": "get_weather"}}
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = await client.chat.completions.create(
        model=model,
        messages=messages,
        tools=[WEATHER],
        tool_choice=forced,
    )
    calls = first.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert calls[0].function.name == "get_weather"
    assert '"city"' in calls[0].function.arguments
    messages.append(first.choices[0].message.to_dict())
    messages.append({"role": "tool", "tool_call_id": calls[0].id, "content": "18 degrees, clear"})
    second = await client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


async def test_a_streamed_tool_call_is_put_together_by_the_client(client: openai.AsyncOpenAI) -> None:
    """The client's own helper for streams ends with a parsed call."""
    async with client.chat.completions.stream(
        model="gpt-6-luna",
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice="required",
    ) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls
    assert set(calls[0].function.parsed_arguments or {}) == {"city", "unit"}  # type: ignore[call-overload]


@pytest.mark.parametrize("model", MODELS)
async def test_a_structured_answer_is_parsed(client: openai.AsyncOpenAI, model: str) -> None:
    """`parse` sends a schema and gets an object of it."""
    answer = await client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": "Invent a person."}], response_format=Person
    )
    assert isinstance(answer.choices[0].message.parsed, Person)


async def test_several_choices(client: openai.AsyncOpenAI) -> None:
    """`n` answers, each with its index, whole and streamed."""
    whole = await client.chat.completions.create(model="gpt-6-luna", messages=HELLO, n=3)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert all(choice.message.content for choice in whole.choices)
    seen: dict[int, str] = {}
    async for chunk in await client.chat.completions.create(
        model="gpt-6-luna", messages=HELLO, n=3, stream=True
    ):
        for choice in chunk.choices:
            seen[choice.index] = seen.get(choice.index, "") + (choice.delta.content or "")
    assert sorted(seen) == [0, 1, 2]
    assert all(seen.values())


async def test_limits_are_kept(client: openai.AsyncOpenAI) -> None:
    """A limit on the output ends with `length`; a stop word ends before itself."""
    short = await client.chat.completions.create(model="gpt-6-luna", messages=HELLO, max_completion_tokens=5)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens <= 5
    stopped = await client.chat.completions.create(model="gpt-6-luna", messages=HELLO, stop=["tea", "Tea"])
    assert "tea" not in (stopped.choices[0].message.content or "").lower()


async def test_models_are_listed_and_found(client: openai.AsyncOpenAI) -> None:
    """The list holds the choices and each of its names can be retrieved."""
    names = [model.id async for model in await client.models.list()]
    assert {"auto", "auto:cheap", "auto:best", "gpt-6-luna"} <= set(names)
    assert (await client.models.retrieve("auto:cheap")).id == "auto:cheap"


async def test_errors_are_of_the_clients_own_types(client: openai.AsyncOpenAI, house: House) -> None:
    """Each refusal arrives as the exception that the client has for it, with code, param and request id."""
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="gpt-99", messages=HELLO)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    assert missing.value.request_id
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="gpt-99", messages=HELLO, stream=True)
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.models.retrieve("gpt-99")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        await client.chat.completions.create(model="gpt-6-luna", messages=[])
    assert bad.value.param == "messages"
    with pytest.raises(openai.AuthenticationError) as stranger:
        await client.with_options(api_key="cs_wrong-key-of-nobody-000000").models.list()
    assert stranger.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError):
        await client.embeddings.create(model="x", input="x")
    house.simulator.plan("reset", "openai", times=None)
    with pytest.raises(openai.APIStatusError) as down:
        await client.chat.completions.create(model="gpt-6-luna", messages=HELLO)
    assert down.value.status_code in (502, 503)


async def test_a_break_in_the_middle_is_the_clients_error(client: openai.AsyncOpenAI, house: House) -> None:
    """A named model that breaks off and may not be finished by others: the client raises, and what came before it was
    delivered."""
    from infra.simulator import Fault

    house.simulator.plan(Fault("reset", after_chunks=3), "openai", times=None)
    stream = await client.chat.completions.create(
        model="gpt-6-luna", messages=HELLO, stream=True, extra_body={"fallback": "none"}
    )
    text = [""]

    async def read() -> None:
        async for chunk in stream:
            text[0] += chunk.choices[0].delta.content or ""

    with pytest.raises(openai.APIError) as broken:
        await read()
    assert broken.value.code == "provider_cut"
    assert text[0]


async def test_a_break_in_the_middle_is_finished_by_another(client: openai.AsyncOpenAI, house: House) -> None:
    """A named model that breaks off is finished by one of its class; the last chunk says by whom and how."""
    from infra.simulator import Fault

    house.simulator.plan(Fault("reset", after_chunks=3), "openai", times=None)
    stream = await client.chat.completions.create(model="gpt-6-luna", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]
    assert chunks[-1].choices[0].finish_reason == "stop"
    own = (chunks[-1].model_extra or {})["chatsmart"]
    assert own["spliced"][0]["model"] != "gpt-6-luna"
    assert own["spliced"][0]["how"] in ("continued", "exact", "folded", "prefix")


async def test_the_synchronous_client_works_too(house: House) -> None:
    """Whole, streamed and listed, from a thread."""

    def work() -> tuple[str, str, int]:
        with openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as client:
            whole = client.chat.completions.create(model="auto", messages=HELLO)
            stream = client.chat.completions.create(model="auto", messages=HELLO, stream=True)
            pieces = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            return whole.choices[0].message.content or "", pieces, len(client.models.list().data)

    whole, pieces, models = await asyncio.to_thread(work)
    assert whole == pieces != ""
    assert models >= 15


@pytest.mark.parametrize("model", MODELS)
async def test_responses_are_served_too(client: openai.AsyncOpenAI, model: str) -> None:
    """The newer interface: whole, streamed, parsed, and a tool that goes round."""
    whole = await client.responses.create(model=model, input="Say something about tea.")
    assert whole.status == "completed"
    assert whole.output_text
    async with client.responses.stream(model=model, input="Say something about tea.") as stream:
        async for _ in stream:
            pass
        assert (await stream.get_final_response()).output_text == whole.output_text
    parsed = await client.responses.parse(model=model, input="Invent a person.", text_format=Person)
    assert isinstance(parsed.output_parsed, Person)
    tool: Any = {"type": "function", **WEATHER["function"]}
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = await client.responses.create(model=model, input=asked, tools=[tool], tool_choice="required")
    calls = [item for item in first.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather"]
    asked += [item.to_dict() for item in first.output]
    asked.append({"type": "function_call_output", "call_id": calls[0].call_id, "output": "18 degrees, clear"})
    assert (await client.responses.create(model=model, input=asked, tools=[tool])).output_text
