"""An answer on its way out to its caller: with what was hidden from the models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from shared.chat.order import ChatOrder
from shared.chat.structured import wanted
from shared.core.chunk import Citation, Reasoning, Refusal, Text, ToolCallPart, Used
from shared.core.leg import Piece, Restarted, Spliced
from shared.guard.redact.restoring import Restorer, restore


class Outward:
    """The way out of one answer. Text that is held back goes out before whatever comes after it."""

    __slots__ = ("_json", "_marks", "_open")

    def __init__(self, marks: Mapping[str, str], *, json: bool) -> None:
        """`marks` are placeholders and what they stand for; `json` says that the answer is to be JSON."""
        self._marks, self._json = marks, json
        self._open: dict[tuple[type[Piece], int], Restorer] = {}

    def pieces(self, read: Sequence[Piece]) -> Sequence[Piece]:
        """What goes out of a read; possibly nothing yet."""
        out: list[Piece] = []
        for piece in read:
            match piece:
                case Text(text) | Reasoning(text) | Refusal(text):
                    self._add(out, piece, 0, text)
                case ToolCallPart(index, _, _, arguments):
                    self._add(out, piece, index, arguments)
                case Restarted():
                    self._open.clear()
                    out.append(piece)
                case Citation(_, title):
                    out.append(replace(piece, title=restore(title, self._marks)))
                case Spliced() | Used():  # usage may come with every read: a placeholder goes on after it
                    out.append(piece)
                case _:
                    out += self.end()
                    out.append(piece)
        return out

    def end(self) -> Sequence[Piece]:
        """What was held back: the answer is over."""
        out: list[Piece] = []
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


def outward(order: ChatOrder, marks: Mapping[str, str]) -> Ways | None:
    """The ways out of a chat's answers; None where they go out as they are."""
    return Ways(lambda: Outward(marks, json=wanted(order.prompt))) if marks else None
