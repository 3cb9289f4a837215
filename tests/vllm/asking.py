"""Questions to the real server through the product's own adapter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from shared.adapters.llm.client import Client, HttpProvider
from shared.core.answer import collect
from shared.core.chunk import Chunk, Completion
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Message, Prompt, ask
from shared.models.catalogue import LLAMA_SMALL
from shared.ports.provider import WireRequest
from tests.vllm.served import WINDOW, Address

SPEC: ModelSpec = replace(LLAMA_SMALL, window=WINDOW, max_output=WINDOW)


@dataclass(frozen=True)
class Heard:
    """One answer. `reads` are the chunks of each network read, `raw` the body."""

    reads: Sequence[Sequence[Chunk]]
    raw: bytes

    @property
    def chunks(self) -> list[Chunk]:
        """All of them in order."""
        return [chunk for read in self.reads for chunk in read]

    @property
    def answer(self) -> Completion:
        """The whole answer."""
        return collect(self.chunks)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The stream's JSON events."""
        lines = [line for line in self.raw.split(b"\n\n") if line.startswith(b"data: {")]
        return [orjson.loads(line.removeprefix(b"data: ")) for line in lines]


@dataclass(frozen=True)
class Asking:
    """The adapter at one server."""

    provider: HttpProvider

    @classmethod
    def at(cls, client: Client, address: Address, key: str | None = None) -> "Asking":
        """At this address, with its key or another."""
        return cls(HttpProvider(client, address.base_url, address.key if key is None else key))

    async def hear(
        self,
        prompt: Prompt,
        *,
        spec: ModelSpec = SPEC,
        stream: bool = True,
        request_id: str = "t-s",
        tenant: str = "",
    ) -> Heard:
        """The whole answer, or its fault."""
        request = self.provider.prepare(spec, prompt, stream=stream, request_id=request_id, tenant=tenant)
        return await self.send(request)

    async def send(self, request: WireRequest) -> Heard:
        """The whole answer to a request that is made already."""
        async with self.provider.send(request) as reply:
            reads = [chunks async for chunks in reply.chunks()]
            return Heard(reads, reply.raw())

    async def text(self, prompt: Prompt, **more: Any) -> str:
        """Only its words."""
        return (await self.hear(prompt, **more)).answer.text


def greedy(text: str, most: int, **more: Any) -> Prompt:
    """A question whose answer is the same each time, of at most so many tokens."""
    return replace(ask(text, max_output=most), temperature=0.0, **more)


def going_on(prompt: Prompt, begun: str, most: int) -> Prompt:
    """The prompt with the beginning of its answer, to be gone on with."""
    said = (*prompt.messages, Message("assistant", begun))
    return replace(prompt, messages=said, continue_final=True, max_output=most)
