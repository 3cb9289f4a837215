"""Chats that ask for JSON: an answer that is not streamed is checked before its caller has it, healed or asked for once
more where it does not fit; of one that is streamed the caller is told at the end whether it fits."""

from collections.abc import AsyncGenerator, Callable, MutableMapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from shared.core.answer import Answer
from shared.core.chunk import Chunk, Completion, Ended, Reasoning, Refusal, Text, ToolCallPart
from shared.core.faults import Malformed
from shared.core.leg import Piece, Spliced
from shared.core.prompt import Prompt
from shared.core.structured import healed, repair, verdict

Ask = Callable[[Prompt], AsyncGenerator[Sequence[Piece], None]]
Notes = MutableMapping[str, Any]
"""What a caller is told beside the answer: `valid`, and `problem` where it is not."""


def wanted(prompt: Prompt) -> bool:
    """Whether the answer is to be JSON."""
    return prompt.schema is not None or prompt.json_object


async def whole(ask: Ask, prompt: Prompt, notes: Notes) -> AsyncGenerator[Sequence[Piece], None]:
    """The whole answer in one read, valid where that can be had with one more call; before it, what joins it took."""
    first, second = Answer(), Answer()
    async with aclosing(_gathered(ask(prompt), first)) as joins:
        async for join in joins:
            yield join
    found = first.completion()
    mended = _mended(prompt, found, notes)
    if isinstance(mended, Malformed) and found.finish != "length":
        async with aclosing(_gathered(ask(repair(prompt, found.text, mended)), second)) as joins:
            async for join in joins:
                yield join
        found = second.completion()
        mended = _mended(prompt, found, notes)
    yield whole_read(mended if isinstance(mended, Completion) else found)


async def streamed(ask: Ask, prompt: Prompt, notes: Notes) -> AsyncGenerator[Sequence[Piece], None]:
    """The answer as it comes, and a note whether it is what was asked for."""
    answer = Answer()
    async with aclosing(ask(prompt)) as batches:
        async for batch in batches:
            for piece in batch:
                answer.add(piece)
            yield batch
    found = verdict(prompt, answer.completion())
    if found is not None:
        notes.update({"valid": found.fits} | ({} if found.fits else {"problem": found.why}))


def _mended(prompt: Prompt, found: Completion, notes: Notes) -> Completion | Malformed | None:
    """The answer where it fits, or can be made to without asking again; else what is wrong with it. None where there
    is nothing to check."""
    judged = verdict(prompt, found)
    if judged is None:
        return None
    notes.pop("problem", None)
    notes["valid"] = True
    if judged.fits:
        return found
    try:
        return replace(found, text=healed(found.text, prompt.schema))
    except Malformed as fault:
        notes.update(valid=False, problem=fault.message)
        return fault


async def _gathered(
    source: AsyncGenerator[Sequence[Piece], None], answer: Answer
) -> AsyncGenerator[Sequence[Piece], None]:
    """Folds an answer; gives its joins alone."""
    async with aclosing(source) as batches:
        async for batch in batches:
            for piece in batch:
                answer.add(piece)
                if isinstance(piece, Spliced):
                    yield (piece,)


def whole_read(found: Completion) -> Sequence[Chunk]:
    """An answer as one read of all its pieces."""
    pieces: list[Chunk] = []
    if found.reasoning:
        pieces.append(Reasoning(found.reasoning))
    if found.text:
        pieces.append(Text(found.text))
    if found.refusal:
        pieces.append(Refusal(found.refusal))
    pieces += [ToolCallPart(n, call.id, call.name, call.arguments) for n, call in enumerate(found.tool_calls)]
    return [*pieces, *found.citations, Ended(found.finish, found.response_id, found.model)]
