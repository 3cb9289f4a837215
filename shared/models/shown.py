"""What readers of an answer have in front of them, and how the next leg goes on from there (design law 5)."""

from typing import Literal

from shared.core.chunk import Chunk, Citation, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.leg import Batch, Join
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.models.splice import Seam, Unfinished, continuation, prefixed

_PASSING = (Reasoning, Citation, Used)
Way = Literal["fresh", "resumed", "prefix", "instruction"]
"""fresh        the question as it was asked
resumed      the same response, from where it broke off
prefix       the unfinished message, to be continued by a model that can (vLLM)
instruction  what was said so far, and the request to go on; its text is aligned before it is shown"""


class Shown:
    """Takes a leg's chunks and gives those that may go out. `begin` says how the leg that comes next was asked."""

    __slots__ = (
        "_edge",
        "_join",
        "_json",
        "_late",
        "_parts",
        "_prompt",
        "_seam",
        "_told",
        "_unfinished",
        "mixed",
    )

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._json = prompt.schema is not None or prompt.json_object
        self._parts: list[str] = []
        self._unfinished = Unfinished()
        self._seam: Seam | None = None
        self._join: Join | None = None
        self._told = True
        self._edge = ""
        self._late: list[Chunk] = []
        self.mixed = False
        """Whether more than text went out: half a tool call can't be gone on with."""

    def had(self, text: str) -> None:
        """Readers have this already: an earlier call began the answer."""
        self._parts = [text]

    @property
    def text(self) -> str:
        """All text that went out."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def any(self) -> bool:
        """Whether readers have anything of the answer."""
        return self.mixed or bool(self._parts)

    @property
    def failed(self) -> bool:
        """Whether the leg's text does not go on from what is there."""
        return self._seam is not None and self._seam.failed

    def way(self, spec: ModelSpec) -> Way:
        """How `spec` is to be asked now."""
        if self.mixed or not self._parts:
            return "fresh"
        return "prefix" if spec.continues else "instruction"

    def prompt(self, way: Way) -> Prompt:
        """What is sent."""
        if way == "instruction":
            return continuation(self._prompt, self.text)
        if way == "prefix":
            return prefixed(self._prompt, self.text)
        return self._prompt

    def begin(self, way: Way) -> None:
        """A leg asked this way comes now."""
        if way == "resumed":
            # It goes on after all that was received, the word that is held back included.
            self._seam, self._join, self._told = None, "resumed", False
            return
        self._unfinished = Unfinished()
        if way == "fresh":
            self.void()
        else:
            self._seam = Seam(self.text, json=self._json) if way == "instruction" else None
            self._join, self._told = "prefix" if way == "prefix" else None, False
            if way == "prefix":
                # Chat templates trim the end of the message, and the model writes it again.
                self._edge = self.text[len(self.text.rstrip()) :]

    def void(self) -> None:
        """Nothing is shown any longer: the answer begins anew."""
        self._parts, self.mixed = [], False
        self._seam, self._told, self._unfinished, self._late = None, True, Unfinished(), []

    def joined(self) -> Join | None:
        """How this leg went on from the one before, once, as soon as that is known."""
        if self._told:
            return None
        join = self._seam.how if self._seam is not None else self._join
        if join is not None:
            self._told = True
        return join

    def take(self, batch: Batch) -> Batch:
        """What may go out of a read: texts in a row as one, without an unfinished word at the end."""
        out: list[Chunk] = []
        text = ""
        for chunk in batch:
            if type(chunk) is Text:
                text += chunk.text
                continue
            if text:
                self._say(text, out)
                text = ""
            if not isinstance(chunk, Text):
                self._other(chunk, out)
        if text:
            self._say(text, out)
        return out

    def pending(self) -> Batch:
        """All that a leg has written whose text did not fit: it begins the answer anew."""
        seam, late = self._seam, self._late
        self.void()
        return self.take([Text("" if seam is None else seam.pending()), *late])

    def _say(self, text: str, out: list[Chunk]) -> None:
        if self._seam is not None:
            text = self._seam.feed(text)
        elif self._edge:
            text = self._past_edge(text)
        if text and (text := self._unfinished.feed(text)):
            self._parts.append(text)
            out.append(Text(text))

    def _past_edge(self, text: str) -> str:
        """Without the white space that readers have already. It may come in several pieces."""
        edge, size = self._edge, 0
        while size < min(len(edge), len(text)) and text[size] == edge[size]:
            size += 1
        self._edge = edge[size:] if size == len(text) else ""
        return text[size:]

    def _other(self, chunk: Chunk, out: list[Chunk]) -> None:
        """A chunk that is no text ends the word that was held back, where it is part of the answer or its end."""
        if isinstance(chunk, _PASSING):
            out.append(chunk)
            return
        rest = self._unfinished.feed(self._seam.decide()) if self._seam is not None else ""
        rest += self._unfinished.end()
        if self.failed:
            self._late.append(chunk)
            return
        if rest:
            self._parts.append(rest)
            out.append(Text(rest))
        if isinstance(chunk, ToolCallPart | Refusal):
            self.mixed = True
        out.append(chunk)
