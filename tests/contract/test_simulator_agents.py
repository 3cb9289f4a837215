"""Agent libraries run to their end against the simulator."""

from collections.abc import AsyncIterator
from typing import Literal

import instructor
import openai
import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.contract.simulated import MODELS, Bench, bench


class Person(BaseModel):
    """A person."""

    name: str
    age: int = Field(ge=0, le=150)


class Review(BaseModel):
    """A nested answer as clients ask for it."""

    title: str = Field(min_length=3, max_length=80)
    mood: Literal["good", "bad"]
    people: list[Person] = Field(min_length=1, max_length=4)
    remark: str | None = None
    score: float = Field(gt=0, lt=1)


@pytest.fixture
async def running() -> AsyncIterator[Bench]:
    """A simulator of this test's own."""
    async with bench() as found:
        yield found


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA])
async def test_instructor_gets_its_model(running: Bench, mode: instructor.Mode) -> None:
    """A forced tool and a schema both give a value that instructor accepts the first time."""
    async with openai.AsyncOpenAI(api_key="k", base_url=running.simulator.url("openai")) as raw:
        client = instructor.from_openai(raw, mode=mode)
        person = await client.chat.completions.create(
            model=MODELS["openai"],
            messages=[{"role": "user", "content": "Extract: Jason Liu is 25 years old"}],
            response_model=Person,
            max_retries=0,
        )
        review = await client.chat.completions.create(
            model=MODELS["openai"],
            messages=[{"role": "user", "content": "Review the harbour museum"}],
            response_model=Review,
            max_retries=0,
        )
    assert person.model_dump() == {"name": "Jason Liu", "age": 25}
    assert review.people


@pytest.mark.parametrize("responses", [False, True])
async def test_a_pydantic_ai_agent_ends(running: Bench, responses: bool) -> None:
    """The agent calls its tool, hears the result, and returns its typed output, streamed or not."""
    heard: list[str] = []
    async with openai.AsyncOpenAI(api_key="k", base_url=running.simulator.url("openai")) as raw:
        provider = OpenAIProvider(openai_client=raw)
        kind = OpenAIResponsesModel if responses else OpenAIChatModel
        agent = Agent(kind(MODELS["openai"], provider=provider), output_type=Review)

        @agent.tool_plain
        def get_opening_hours(place: str) -> str:
            """Get the opening hours of a place."""
            heard.append(place)
            return "nine to five"

        found = await agent.run("What are the opening hours of the Maritime Museum?")
        assert isinstance(found.output, Review)
        assert heard == ["Maritime Museum"]
        plain = Agent(kind(MODELS["openai"], provider=provider), tools=[_tide])
        async with plain.run_stream("Look up the tide for Brest") as stream:
            text = await stream.get_output()
    assert "high at noon" in text


def _tide(port: str) -> str:
    """Look up the tide of a port."""
    return f"{port}: high at noon"
