"""LangChain, pydantic-ai and instructor, unchanged, against ChatSmart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import instructor
import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.flow.house import House

MODELS = ["gpt-6-luna", "claude-haiku-5-5", "gemini-3.8-flash"]


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@tool
def get_weather(city: str) -> str:
    """Get the weather of a city."""
    return f"18 degrees in {city}"


@asynccontextmanager
async def langchain(house: House, model: str) -> AsyncIterator[ChatOpenAI]:
    # Its own clients outlive their event loop; one that is handed in is closed by us.
    async with httpx.AsyncClient() as http:
        yield ChatOpenAI(
            model_name=model,
            openai_api_base=f"{house.url}/v1",
            openai_api_key=SecretStr(house.key),
            max_retries=0,
            http_async_client=http,
        )


@pytest.mark.parametrize("model", MODELS)
async def test_langchain_invokes_streams_and_counts(house: House, model: str) -> None:
    """A message whole and in chunks is one text, with usage in LangChain's own shape."""
    async with langchain(house, model) as chat:
        whole = await chat.ainvoke("Say something about tea.")
        pieces = "".join([str(chunk.content) async for chunk in chat.astream("Say something about tea.")])
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["total_tokens"] > 0
    assert pieces == whole.content != ""


@pytest.mark.parametrize("model", MODELS)
async def test_langchain_calls_tools_and_moves_on(house: House, model: str) -> None:
    """A bound tool is called with its argument; after the result comes an answer."""
    async with langchain(house, model) as chat:
        messages: list[Any] = [HumanMessage("What is the weather in Paris?")]
        asked = await chat.bind_tools([get_weather], tool_choice="get_weather").ainvoke(messages)
        assert [call["name"] for call in asked.tool_calls] == ["get_weather"]
        result = get_weather.invoke(asked.tool_calls[0]["args"])
        messages += [asked, ToolMessage(result, tool_call_id=str(asked.tool_calls[0]["id"]))]
        assert (await chat.bind_tools([get_weather]).ainvoke(messages)).content


async def test_langchain_gets_structured_output(house: House) -> None:
    """Its default method ends in an object of the class."""
    async with langchain(house, "gpt-6-luna") as chat:
        found = await chat.with_structured_output(Person).ainvoke("Invent a person.")
    assert isinstance(found, Person)


@asynccontextmanager
async def agent_model(house: House, model: str) -> AsyncIterator[OpenAIChatModel]:
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as plain:
        yield OpenAIChatModel(model, provider=OpenAIProvider(openai_client=plain))


@pytest.mark.parametrize("model", MODELS)
async def test_a_pydantic_ai_agent_runs_its_tools_and_ends(house: House, model: str) -> None:
    """An agent calls its tool, gets the result and answers; it does not go round for ever."""
    called: list[str] = []

    def weather_of(city: str) -> str:
        """Get the weather of a city."""
        called.append(city)
        return f"18 degrees in {city}"

    async with agent_model(house, model) as served:
        found = await Agent(served, tools=[weather_of]).run("What is the weather in Paris? Use the tool.")
    assert found.output
    assert called
    assert found.usage.requests <= 4


async def test_a_pydantic_ai_agent_gets_typed_output_and_streams(house: House) -> None:
    """Typed output by a forced tool, and text as it comes."""
    async with agent_model(house, "gpt-6-luna") as served:
        typed = await Agent(served, output_type=Person).run("Invent a person.")
        assert isinstance(typed.output, Person)
        async with Agent(served).run_stream("Say something about tea.") as stream:
            assert "".join([piece async for piece in stream.stream_text(delta=True)])


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA])
async def test_instructor_gets_objects_in_its_modes(house: House, mode: instructor.Mode) -> None:
    """By tool, its default, and by JSON Schema."""
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0) as plain:
        client = instructor.from_openai(plain, mode=mode)
        found = await client.chat.completions.create(
            model="gpt-6-luna",
            messages=[{"role": "user", "content": "Invent a person."}],
            response_model=Person,
            max_retries=1,
        )
    assert isinstance(found, Person)
