"""The simulator through OpenAI's own Python client."""

import base64
import math
import struct
from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import pytest

from tests.contract.simulated import MODELS, Bench, bench

_WEATHER: Any = {
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
_PERSON: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
async def running() -> AsyncIterator[Bench]:
    """A simulator of this test's own."""
    async with bench() as found:
        yield found


def _client(running: Bench, provider: str, key: str = "k") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=running.simulator.url(provider), max_retries=0)


def _said(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("provider", ["openai", "llama", "perplexity"])
async def test_a_stream_joins_to_the_whole_answer(running: Bench, provider: str) -> None:
    """The same request, streamed and not, gives the same text, labelled simulated."""
    async with _client(running, provider) as client:
        question = _said("Explain how lighthouses work")
        whole = await client.chat.completions.create(model=MODELS[provider], messages=question)
        stream = await client.chat.completions.create(
            model=MODELS[provider], messages=question, stream=True, stream_options=_usage(provider)
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert "lighthouses" in text
    assert "sim" in whole.id
    assert "simulated" in (whole.system_fingerprint or "")
    assert whole.usage is not None
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    ends = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert [end for end in ends if end] == ["stop"]


def _usage(provider: str) -> Any:
    return openai.omit if provider == "perplexity" else {"include_usage": True}


@pytest.mark.parametrize("provider", ["openai", "llama"])
@pytest.mark.parametrize(
    "choice", ["auto", "required", {"type": "function", "function": {"name": "get_weather"}}]
)
async def test_a_tool_is_called_and_its_result_used(running: Bench, provider: str, choice: Any) -> None:
    """A clear need, a required or a named tool gives a call with schema-valid arguments; its result ends the loop."""
    async with _client(running, provider) as client:
        messages = _said("What is the weather in Paris in celsius?")
        first = await client.chat.completions.create(
            model=MODELS[provider], messages=messages, tools=[_WEATHER], tool_choice=choice
        )
        said = first.choices[0]
        assert said.finish_reason == "tool_calls"
        assert said.message.tool_calls is not None
        call: Any = said.message.tool_calls[0]
        assert orjson.loads(call.function.arguments) == {"city": "Paris", "unit": "celsius"}
        messages += [
            said.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "21 degrees, clear"},
        ]
        second = await client.chat.completions.create(
            model=MODELS[provider], messages=messages, tools=[_WEATHER]
        )
    assert second.choices[0].finish_reason == "stop"
    assert "21 degrees, clear" in (second.choices[0].message.content or "")


async def test_a_tool_that_is_not_needed_is_not_called(running: Bench) -> None:
    """With `auto` a question that has nothing to do with the tool is answered in words."""
    async with _client(running, "openai") as client:
        found = await client.chat.completions.create(
            model=MODELS["openai"], messages=_said("Write a poem about the sea"), tools=[_WEATHER]
        )
    assert found.choices[0].message.tool_calls is None
    assert found.choices[0].message.content


@pytest.mark.parametrize("parallel", [True, False])
async def test_parallel_calls_are_streamed_by_index(running: Bench, parallel: bool) -> None:
    """Two needed tools are called together, or one where the caller forbids parallel calls."""
    clock = {
        "name": "get_time",
        "description": "Get the local time.",
        "parameters": {"type": "object", "properties": {}},
    }
    tools: Any = [_WEATHER, {"type": "function", "function": clock}]
    async with _client(running, "openai") as client:
        stream = await client.chat.completions.create(
            model=MODELS["openai"],
            messages=_said("Use get_weather and get_time for Oslo"),
            tools=tools,
            parallel_tool_calls=parallel,
            stream=True,
        )
        arguments: dict[int, str] = {}
        names: dict[int, str] = {}
        async for chunk in stream:
            for call in chunk.choices[0].delta.tool_calls or []:
                assert call.function is not None
                names.setdefault(call.index, call.function.name or "")
                arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert set(names.values()) == ({"get_weather", "get_time"} if parallel else {"get_weather"})
    assert all(isinstance(orjson.loads(text), dict) for text in arguments.values())


async def test_a_schema_is_kept_with_values_from_the_prompt(running: Bench) -> None:
    """A JSON Schema answer validates and takes its values from the message where it holds them."""
    async with _client(running, "openai") as client:
        found = await client.chat.completions.create(
            model=MODELS["openai"],
            messages=_said("Extract: Jason Liu is 25 years old"),
            response_format=_PERSON,
        )
    assert orjson.loads(found.choices[0].message.content or "") == {"name": "Jason Liu", "age": 25}


async def test_limits_and_stops_end_an_answer(running: Bench) -> None:
    """`max_completion_tokens` ends with `length` at that many tokens; a stop sequence ends before itself."""
    async with _client(running, "openai") as client:
        question = _said("Explain tides")
        short = await client.chat.completions.create(
            model=MODELS["openai"], messages=question, max_completion_tokens=20
        )
        whole = await client.chat.completions.create(model=MODELS["openai"], messages=question, n=2)
        stopped = await client.chat.completions.create(
            model=MODELS["openai"], messages=question, stop=["\n\n"]
        )
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 20
    first, second = (choice.message.content or "" for choice in whole.choices)
    assert first != second
    assert stopped.choices[0].message.content == first.split("\n\n")[0]


async def test_responses_stream_and_follow_up(running: Bench) -> None:
    """A response streams typed events, can be taken up after any of them, and can be followed by its id."""
    async with _client(running, "openai") as client:
        stream = await client.responses.create(model=MODELS["openai"], input="What is 17*23?", stream=True)
        events = [event async for event in stream]
        final: Any = events[-1]
        assert final.type == "response.completed"
        assert final.response.output_text == "17*23 = 391"
        assert [event.sequence_number for event in events] == list(range(len(events)))
        again = await client.responses.retrieve(final.response.id, stream=True, starting_after=4)
        rest = [event async for event in again]
        assert [event.sequence_number for event in rest] == list(range(5, len(events)))
        kept = await client.responses.retrieve(final.response.id)
        assert kept.output_text == final.response.output_text
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model=MODELS["openai"], input="And?", previous_response_id="resp_x")
        followed = await client.responses.create(
            model=MODELS["openai"], input="Tell me more about it", previous_response_id=final.response.id
        )
    assert followed.usage is not None
    assert followed.usage.input_tokens > 10


async def test_embeddings_are_unit_vectors_that_keep_likeness(running: Bench) -> None:
    """Vectors have length one, come as floats or base64 alike, and a paraphrase lies nearer than a stranger."""
    texts = ["how do I reset my password", "how can I reset my password", "volcanoes of Iceland"]
    async with _client(running, "openai") as client:
        packed = await client.embeddings.create(model="text-embedding-3-small", input=texts)
        plain = await client.embeddings.create(
            model="text-embedding-3-small", input=texts[0], encoding_format="float", dimensions=256
        )
    first, near, far = (item.embedding for item in packed.data)
    assert len(first) == 1_536
    assert math.isclose(sum(x * x for x in first), 1, rel_tol=1e-5)
    assert _dot(first, near) > 0.6 > 0.3 > _dot(first, far)
    assert len(plain.data[0].embedding) == 256


async def test_base64_embeddings_are_little_endian_floats(running: Bench) -> None:
    """The packed form holds the same numbers as the plain one."""
    url = running.simulator.url("openai") + "/embeddings"
    headers = {"Authorization": "Bearer k"}
    body = {"model": "text-embedding-3-small", "input": ["tides", [1, 2, 3]]}
    packed = await running.client.post(url, headers=headers, json={**body, "encoding_format": "base64"})
    plain = await running.client.post(url, headers=headers, json=body)
    raw = base64.b64decode(packed.json()["data"][0]["embedding"])
    assert struct.unpack("<1536f", raw) == pytest.approx(plain.json()["data"][0]["embedding"], abs=1e-6)


def _dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


async def test_models_are_listed(running: Bench) -> None:
    """The model list holds what the provider serves; one model can be asked for; a stranger is 404."""
    async with _client(running, "openai") as client:
        names = {model.id async for model in client.models.list()}
        assert names == {"gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna", "text-embedding-3-small"}
        assert (await client.models.retrieve("gpt-6-luna")).id == "gpt-6-luna"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("gpt-0")
    async with _client(running, "llama") as client:
        assert [model.id async for model in client.models.list()] == [
            MODELS["llama"],
            "meta-llama/Llama-3.1-8B-Instruct",
        ]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "gpt-0"}, 404, "model_not_found", None),
        ({"max_tokens": 5}, 400, "unsupported_parameter", "max_tokens"),
        ({"temperature": 0.2}, 400, "unsupported_value", "temperature"),
        ({"messages": []}, 400, "empty_array", "messages"),
        ({"messages": "hi"}, 400, "invalid_type", "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
        ({"n": 0}, 400, "invalid_value", "n"),
        ({"stream": "yes"}, 400, "invalid_type", "stream"),
    ],
)
async def test_openai_refuses_as_openai_does(
    running: Bench, body: Any, status: int, code: str, param: Any
) -> None:
    """What gpt-6 does not take is refused with OpenAI's status, code and param."""
    async with _client(running, "openai") as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.post(
                "/chat/completions",
                cast_to=object,
                body={"model": MODELS["openai"], "messages": _said("hi"), **body},
            )
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (status, code, param)
    assert caught.value.response.headers["x-request-id"].startswith("req_sim")


async def test_strict_schemas_must_be_closed(running: Bench) -> None:
    """OpenAI's strict mode refuses a schema that leaves an object open."""
    shape: Any = {
        "type": "json_schema",
        "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
    }
    async with _client(running, "openai") as client:
        with pytest.raises(openai.BadRequestError, match="additionalProperties"):
            await client.chat.completions.create(
                model=MODELS["openai"], messages=_said("hi"), response_format=shape
            )


async def test_vllm_continues_exactly(running: Bench) -> None:
    """`continue_final_message` gives the rest of what would have been written, under the caller's request id."""
    async with _client(running, "llama") as client:
        question = _said("Explain how bridges carry load")
        whole = (await client.chat.completions.create(model=MODELS["llama"], messages=question)).choices[0]
        text = whole.message.content or ""
        sent = text[: text.index(" ", len(text) // 2)]
        rest = await client.chat.completions.create(
            model=MODELS["llama"],
            messages=[*question, {"role": "assistant", "content": sent}],
            extra_body={"add_generation_prompt": False, "continue_final_message": True},
            extra_headers={"X-Request-Id": 'trace-"abc"'},
        )
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(
                model=MODELS["llama"], messages=question, extra_body={"continue_final_message": True}
            )
    assert sent + (rest.choices[0].message.content or "") == text
    assert rest.id == 'chatcmpl-trace-"abc"'


async def test_vllm_reports_running_usage(running: Bench) -> None:
    """With `continuous_usage_stats` each chunk tells how many tokens have been sent."""
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    async with _client(running, "llama") as client:
        stream = await client.chat.completions.create(
            model=MODELS["llama"], messages=_said("Explain rain"), stream=True, stream_options=options
        )
        counts = [chunk.usage.completion_tokens async for chunk in stream if chunk.usage]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == counts[-2] > 20


async def test_vllm_keeps_choices_and_patterns(running: Bench) -> None:
    """`structured_outputs` with a choice or a regular expression is kept."""
    async with _client(running, "llama") as client:
        picked = await client.chat.completions.create(
            model=MODELS["llama"],
            messages=_said("Is this spam or ham? It is ham."),
            extra_body={"structured_outputs": {"choice": ["spam!", "ham"]}},
        )
        made = await client.chat.completions.create(
            model=MODELS["llama"],
            messages=_said("A plate please"),
            extra_body={"structured_outputs": {"regex": r"[A-Z]{2}-\d{4}"}},
        )
    assert picked.choices[0].message.content == "ham"
    assert len(made.choices[0].message.content or "") == 7
