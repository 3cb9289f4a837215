"""Answers of the real server, streamed and whole: words, usage, ids, seeds, schemas, tools."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from shared.core.chunk import Ended, Text, Used
from shared.core.prompt import Tool, ToolChoice, ask
from shared.core.schema import Schema
from tests.vllm.asking import Asking, greedy
from tests.vllm.served import LLAMA

PARCEL = Schema(
    "parcel",
    {
        "type": "object",
        "properties": {
            "colour": {"type": "string", "enum": ["red", "green"]},
            "weight": {"type": "integer"},
            "names": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            "open": {"type": "boolean"},
        },
        "required": ["colour", "weight", "names", "open"],
        "additionalProperties": False,
    },
)
WEATHER = Tool(
    "weather",
    "The weather of a place.",
    {
        "type": "object",
        "properties": {"place": {"type": "string", "enum": ["Rome", "Oslo"]}},
        "required": ["place"],
        "additionalProperties": False,
    },
)


async def test_every_chunk_brings_the_usage_so_far(asking: Asking) -> None:
    """Usage comes with each piece and never falls, so that an answer can be billed wherever it is cut."""
    heard = await asking.hear(greedy("What is a function?", 60))
    usages = [chunk.usage for chunk in heard.chunks if isinstance(chunk, Used)]
    texts = [chunk for chunk in heard.chunks if isinstance(chunk, Text)]
    assert len(usages) >= len(texts) > 20
    assert [usage.output for usage in usages] == sorted(usage.output for usage in usages)
    assert all(usage.input == usages[-1].input > 10 for usage in usages)
    assert usages[-1].output == 60
    assert all("usage" in event for event in heard.events)
    assert heard.events[-1]["choices"] == []


async def test_an_answer_ends_with_its_reason_its_id_and_its_model(asking: Asking) -> None:
    """The response's id is the one that we gave; the served name is the catalogue's native one."""
    heard = await asking.hear(greedy("What is a function?", 12), request_id="trace-span")
    assert heard.chunks[-1] == Ended("length", "chatcmpl-trace-span", LLAMA.served)
    assert heard.events[-1]["system_fingerprint"].startswith("vllm-0.32.0-")
    assert heard.raw.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("seed", range(3))
async def test_a_seed_gives_the_same_answer_again_streamed_or_whole(asking: Asking, seed: int) -> None:
    """Sampled answers with a seed repeat word for word; another seed's answer is another."""
    prompt = replace(ask("What is a function?", max_output=60), temperature=1.0, seed=seed)
    streamed = (await asking.hear(prompt)).answer
    whole = (await asking.hear(prompt, stream=False)).answer
    assert (whole.text, whole.finish, whole.usage and whole.usage.output) == (
        streamed.text,
        streamed.finish,
        streamed.usage and streamed.usage.output,
    )
    assert await asking.text(replace(prompt, seed=seed + 100)) != whole.text


async def test_a_stop_word_ends_the_answer_before_it(asking: Asking) -> None:
    """The answer stops where the word would stand, and says that it stopped."""
    free = await asking.text(greedy("What is a function?", 80))
    word = free.split()[6]
    heard = (await asking.hear(greedy("What is a function?", 80, stop=(word,)))).answer
    assert heard.finish == "stop"
    assert free.startswith(heard.text)
    assert word not in heard.text


@pytest.mark.parametrize("seed", range(6))
async def test_a_schemas_answer_is_valid_and_compact(asking: Asking, seed: int) -> None:
    """Whatever the model would say, what comes is JSON of the schema, without white space to run on in."""
    prompt = replace(ask("Describe the parcel.", max_output=600, schema=PARCEL), temperature=1.0, seed=seed)
    heard = (await asking.hear(prompt, stream=seed % 2 == 0)).answer
    assert heard.finish == "stop"
    value = orjson.loads(heard.text)
    assert not PARCEL.problems(value)
    assert heard.text == orjson.dumps(value).decode() or "\\" in heard.text


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice(name="weather")], ids=["any", "named"])
async def test_a_tool_that_must_be_called_is_called_with_valid_arguments(
    asking: Asking, choice: ToolChoice
) -> None:
    """A forced tool's arguments are under its schema, as the adapter makes it strict."""
    prompt = replace(ask("Rome?", max_output=200), tools=(WEATHER,), tool_choice=choice, seed=1)
    heard = (await asking.hear(prompt)).answer
    (call,) = heard.tool_calls
    assert call.name == "weather"
    assert call.id
    assert orjson.loads(call.arguments)["place"] in ("Rome", "Oslo")


async def test_json_mode_gives_an_object(asking: Asking) -> None:
    """`json_object` is kept to as well."""
    found: Any = orjson.loads(
        await asking.text(replace(ask("An object.", max_output=400), json_object=True, seed=2))
    )
    assert isinstance(found, dict)
