"""What every wire format must keep. docs/adapter-kit.md shows how to run it on a new one.

Subclass `Conformance` under a name that begins with `Test`, set `wire`, `spec` and `examples`: recorded or written
replies, each with what it means. The rest follows from the port.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import pytest

from shared.adapters.llm.client import HttpProvider, open_client
from shared.adapters.llm.wire import Wire
from shared.core.answer import collect
from shared.core.chunk import Chunk, Completion, Ended
from shared.core.faults import (
    Cut,
    Overloaded,
    ProviderFault,
    Refused,
    Rejected,
    Throttled,
    TimedOut,
    Unauthorised,
)
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Message, Prompt, Tool, ToolCall, ToolChoice, ask
from shared.core.schema import Schema
from tests.contract.llm.loopback import LAST, Step, head, piece, serving

STREAM: Mapping[str, str] = {"content-type": "text/event-stream"}
JSON: Mapping[str, str] = {"content-type": "application/json"}
TOOL = Tool(
    "look_up",
    "Looks a word up.",
    {
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": False,
    },
)
SCHEMA = Schema(
    "postcard_greeting",
    {"type": "object", "properties": {"greeting": {"type": "string"}}, "required": ["greeting"]},
)
STATUSES: tuple[tuple[int, tuple[type[ProviderFault], ...]], ...] = (
    (400, (Rejected, Refused)),
    (401, (Unauthorised,)),
    (403, (Unauthorised,)),
    (404, (Rejected,)),
    (408, (TimedOut,)),
    (413, (Rejected,)),
    (422, (Rejected,)),
    (429, (Throttled,)),
    (500, (Overloaded,)),
    (503, (Overloaded,)),
    (529, (Overloaded,)),
)


@dataclass(frozen=True)
class Example:
    """A reply and what it means: a completion, or the fault that it is (then `text` is what comes before it).

    Of a completion, `response_id`, `model`, `reasoning` and `citations` are compared where they are not empty.
    """

    name: str
    body: bytes
    means: Completion | type[ProviderFault]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: STREAM)
    text: str = ""

    @property
    def streamed(self) -> bool:
        """Whether the reply is an event stream."""
        return "event-stream" in self.headers.get("content-type", "")


def read(wire: Wire, example: Example, parts: Sequence[bytes]) -> tuple[list[Chunk], ProviderFault | None]:
    """The chunks of a reply that comes in these parts, and the fault that ends it."""
    reader = wire.reader(example.status, example.headers)
    chunks: list[Chunk] = []
    try:
        for part in parts:
            chunks.extend(reader.feed(part))
        chunks.extend(reader.end())
    except ProviderFault as fault:
        return chunks, fault
    return chunks, reader.fault


class Conformance:
    """The suite. Its subclasses are the tests."""

    wire: ClassVar[Wire]
    spec: ClassVar[ModelSpec]
    examples: ClassVar[Sequence[Example]]

    def test_the_examples_cover_what_a_wire_must_say(self) -> None:
        """Streamed and whole text with usage, a tool call where the model has tools, and an error are among them."""
        good = [(e, e.means) for e in self.examples if isinstance(e.means, Completion)]
        assert any(e.streamed and means.text and means.usage for e, means in good), (
            "no streamed text with usage"
        )
        assert any(not e.streamed and means.text and means.usage for e, means in good), (
            "no whole text with usage"
        )
        assert not self.spec.tools or any(means.tool_calls for _, means in good), "no tool call"
        assert any(not isinstance(e.means, Completion) for e in self.examples), "no error"

    def test_every_example_means_what_it_says(self) -> None:
        """Text, calls, end and usage are exactly those; a fault comes after the text before it."""
        for example in self.examples:
            chunks, fault = read(self.wire, example, [example.body])
            got = collect(chunks)
            if isinstance(example.means, Completion):
                assert fault is None, example.name
                wanted = example.means
                loose = ("response_id", "model", "reasoning", "citations")
                known = {name: getattr(got, name) for name in loose if not getattr(wanted, name)}
                assert got == replace(wanted, **known), example.name
            else:
                assert type(fault) is example.means, example.name
                assert got.text == example.text, example.name

    def test_ended_is_the_last_chunk_and_there_is_one(self) -> None:
        """Whoever stops at Ended has missed nothing; a fault has none."""
        for example in self.examples:
            chunks, fault = read(self.wire, example, [example.body])
            ends = [at for at, chunk in enumerate(chunks) if isinstance(chunk, Ended)]
            assert ends == ([] if fault else [len(chunks) - 1]), example.name

    def test_any_split_of_the_bytes_reads_the_same(self) -> None:
        """Every single place to cut in two, and the finest cut of all."""
        for example in self.examples:
            body = example.body
            whole, fault = read(self.wire, example, [body])
            splits = [[body[:at], body[at:]] for at in range(1, len(body))]
            for parts in [*splits, [body[at : at + 1] for at in range(len(body))]]:
                chunks, later = read(self.wire, example, parts)
                assert chunks == whole, (example.name, parts[0])
                assert type(later) is type(fault), (example.name, parts[0])

    def test_any_truncation_is_cut_or_had_its_end(self) -> None:
        """Cut anywhere, an answer is Cut with the beginning of its text; only where the provider had said why it
        ended is it the answer itself, perhaps without its usage."""
        for example in self.examples:
            if not isinstance(example.means, Completion):
                continue
            for at in range(len(example.body)):
                chunks, fault = read(self.wire, example, [example.body[:at]])
                got = collect(chunks)
                assert example.means.text.startswith(got.text), (example.name, at)
                if fault is None:
                    assert (got.text, got.tool_calls) == (example.means.text, example.means.tool_calls), (
                        example.name
                    )
                    assert got.finish == example.means.finish, example.name
                else:
                    assert isinstance(fault, Cut), (example.name, at, fault)

    def test_every_error_status_is_its_fault(self) -> None:
        """Whatever the body is, the status decides; 429 carries the wait that was asked for."""
        for status, kinds in STATUSES:
            for body in (b"", b"{}", b'{"error":{"message":"said so"}}', b"<html></html>", b"[1"):
                example = Example("status", body, Rejected, status, {"retry-after": "3"})
                chunks, fault = read(self.wire, example, [body])
                assert not chunks
                assert type(fault) in kinds, (status, body)
                assert fault is not None
                assert fault.provider_status == status
                assert fault.message
                assert fault.retry_after == 3.0

    def test_a_request_says_what_was_asked_the_same_each_time(self) -> None:
        """Model, system text and question are in path or body, which are JSON, equal each time, and hold no key."""
        prompt = ask('Say "hello", \u2028 and \U0001f600.', system="Speak plainly.", max_output=321)
        for stream in (True, False):
            first, second = (
                self.wire.encode(self.spec, prompt, stream=stream, request_id="t") for _ in range(2)
            )
            assert (first.path, first.headers, first.body) == (second.path, second.headers, second.body)
            assert first.path.startswith("/")
            told = json.dumps(json.loads(first.body), ensure_ascii=False)
            assert json.dumps(prompt.messages[1].text, ensure_ascii=False)[1:-1] in told
            assert "Speak plainly." in told
            assert "321" in told
            assert self.spec.native in told + first.path
        assert "credential-x" in " ".join(self.wire.credential("credential-x").values())

    def test_tools_and_schemas_are_sent_or_rejected(self) -> None:
        """A tool's name, its parameters and a schema reach the provider; where the wire has no word for them the
        request is Rejected and never sent without."""
        question = Message("user", "Look up 'quay'.")
        call = ToolCall("call_1", "look_up", '{"word":"quay"}')
        turns = (
            question,
            Message("assistant", tool_calls=(call,)),
            Message("tool", "A wharf.", tool_call_id="call_1"),
        )
        for prompt, words in (
            (Prompt((question,), tools=(TOOL,), tool_choice=ToolChoice("required")), ("look_up", "word")),
            (Prompt(turns, tools=(TOOL,)), ("quay", "A wharf.")),
            (Prompt((question,), schema=SCHEMA), ("greeting",)),
        ):
            able = self.spec.schema if prompt.schema is not None else self.spec.tools
            if not able:
                with pytest.raises(Rejected):
                    self.wire.encode(self.spec, prompt, stream=True, request_id="t")
                continue
            body = self.wire.encode(self.spec, prompt, stream=True, request_id="t").body.decode()
            assert all(word in body for word in words)

    async def test_over_http_it_is_read_whole_and_left_at_once(self) -> None:
        """Through the shared client: the same chunks, the exact bytes, the credential sent and never logged; and a
        caller that leaves is seen leaving within a tenth of a second."""
        example = next(
            e for e in self.examples if e.streamed and isinstance(e.means, Completion) and e.means.text
        )
        wires: dict[str, Wire] = {self.spec.wire: self.wire}
        body: list[Step] = [head(), piece(example.body)]
        async with open_client() as client:
            async with serving([*body, LAST]) as server:
                provider = HttpProvider(client, server.base_url, "credential-x", wires)
                request = provider.prepare(self.spec, ask("Hello."), stream=True, request_id="t")
                assert "credential-x" not in f"{request}"
                async with provider.send(request) as reply:
                    chunks = [chunk async for batch in reply.chunks() for chunk in batch]
                    assert reply.raw() == example.body
                assert chunks == read(self.wire, example, [example.body])[0]
                assert "credential-x" in server.heads[0]
            first = example.body[: len(example.body) // 2]
            async with serving([head(), piece(first), 30.0]) as server:
                provider = HttpProvider(client, server.base_url, "credential-x", wires)
                async with provider.send(replace(request, url=server.base_url)):
                    pass
                await asyncio.wait_for(server.gone.wait(), 0.1)
