"""What of an answer goes out to its caller: without what policy forbids, with what was hidden from the models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from shared.chat.order import ChatOrder
from shared.chat.structured import wanted
from shared.core.chunk import Reasoning, Refusal, Text, ToolCallPart
from shared.core.leg import Piece, Restarted, Spliced
from shared.core.rules import OutputRules, Rules
from shared.guard.output import OutputGuard
from shared.guard.redact import Names, Restorer, StreamRedactor


class Filter(Protocol):
    """Text on its way out: what may go of it now, and what was held back."""

    def feed(self, text: str) -> str:
        """What may go out."""
        ...

    def flush(self) -> str:
        """The rest: the text is over."""
        ...


class Outward:
    """The way out of one answer. Text that is held back goes out before whatever comes after it."""

    __slots__ = ("_check", "_json", "_marks", "_open")

    def __init__(self, marks: Mapping[str, str], *, json: bool, check: Filter | None = None) -> None:
        """`marks` are placeholders and what they stand for; `json` says that the answer is to be JSON."""
        self._marks, self._json, self._check = marks, json, check
        self._open: dict[tuple[type[Piece], int], Restorer] = {}

    def pieces(self, read: Sequence[Piece]) -> Sequence[Piece]:
        """What goes out of a read; possibly nothing yet."""
        out: list[Piece] = []
        for piece in read:
            match piece:
                case Text(text):
                    text = text if self._check is None else self._check.feed(text)
                    self._add(out, piece, 0, text)
                case Reasoning(text) | Refusal(text):
                    self._add(out, piece, 0, text)
                case ToolCallPart(index, _, _, arguments):
                    self._add(out, piece, index, arguments)
                case Restarted():
                    self._open.clear()
                    out.append(piece)
                case Spliced():
                    out.append(piece)
                case _:
                    out += self.end()
                    out.append(piece)
        return out

    def end(self) -> Sequence[Piece]:
        """What was held back: the answer is over."""
        out: list[Piece] = []
        rest = "" if self._check is None else self._check.flush()
        if rest:
            self._add(out, Text(""), 0, rest)
        for (kind, index), restorer in self._open.items():
            if text := restorer.flush():
                out.append(_made(kind, index, text))
        self._open.clear()
        return out

    def _add(self, out: list[Piece], piece: Piece, index: int, text: str) -> None:
        kind = type(piece)
        restorer = self._open.get((kind, index))
        if restorer is None:
            json = kind is ToolCallPart or (self._json and kind is Text)
            restorer = self._open[kind, index] = Restorer(self._marks, json=json)
        text = restorer.feed(text)
        if isinstance(piece, ToolCallPart):
            if text or piece.id or piece.name:
                out.append(replace(piece, arguments=text))
        elif text:
            out.append(_made(kind, index, text))


def _made(kind: type[Piece], index: int, text: str) -> Piece:
    if kind is ToolCallPart:
        return ToolCallPart(index, arguments=text)
    return Reasoning(text) if kind is Reasoning else Refusal(text) if kind is Refusal else Text(text)


class Ways:
    """The ways out of all answers of a chat."""

    __slots__ = ("_make", "_ways")

    def __init__(self, make: Callable[[], Outward]) -> None:
        self._make = make
        self._ways: dict[int, Outward] = {}

    def of(self, index: int) -> Outward:
        """That of one answer."""
        found = self._ways.get(index)
        if found is None:
            found = self._ways[index] = self._make()
        return found

    def ends(self) -> Iterator[tuple[int, Sequence[Piece]]]:
        """What was held back of each."""
        for index, way in self._ways.items():
            if rest := way.end():
                yield index, rest


def outward(order: ChatOrder, rules: Rules, marks: Mapping[str, str]) -> Ways | None:
    """The ways out of a chat's answers; None where they go out as they are."""
    checked = rules.output.phrases or rules.output.types
    if not marks and not checked:
        return None
    json = wanted(order.prompt)
    return Ways(lambda: Outward(marks, json=json, check=_check(rules.output) if checked else None))


class _Removed(Names):
    """Says what stood there, for good. What was hidden on the way in is the caller's own and stays to come back."""

    def mark(self, type_: str, original: str) -> str:
        """The word for it."""
        return original if type_ == "MARK" else f"[{type_.lower().replace('_', ' ')} removed]"


def _check(output: OutputRules) -> OutputGuard:
    return OutputGuard(output, StreamRedactor(output.types, _Removed()) if output.types else None)
