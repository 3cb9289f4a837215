"""What a wire format is: a way to write a request and a way to fold a reply, both without I/O.

A new provider is one file that defines a `Decoder` and an `encode` function and one line in `wires.py`;
docs/adapter-kit.md walks through it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from shared.adapters.llm import jsontext
from shared.adapters.llm.failures import failure
from shared.adapters.llm.repeats import Repeats
from shared.adapters.llm.resuming import told
from shared.adapters.llm.sse import Event, SseReader
from shared.core.chunk import Chunk, Ended, Finish, Text
from shared.core.faults import Cut, Malformed, ProviderFault
from shared.core.frozen import quick
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.ports.provider import WireRequest

Json = dict[str, Any]
_BOM = b"\xef\xbb\xbf"
_FIELDS = (b":", b"data:", b"event:", b"id:", b"retry:")
_WRONG_SHAPE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What folding raises where a provider sends another type than its format says."""


@quick
@dataclass(frozen=True, slots=True)
class Encoded:
    """A request, but for its host and credential. `path` follows the provider's base URL."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class Encode(Protocol):
    """Writes a prompt for a model. Raises Rejected where the wire has no way to say something that is asked."""

    def __call__(self, spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded: ...


class Decoder(ABC):
    """Folds one reply's JSON into chunks. `finish` is set as soon as the provider says why the answer ended.

    `event` and `whole` may raise ArithmeticError, AttributeError, LookupError, TypeError or ValueError on a shape
    that the format does not have: the reader turns them into Malformed. `"" + value` is the cheap way to raise where
    a text is none.
    """

    __slots__ = ("done", "finish", "model", "response_id")

    repeating: ClassVar[bool] = False
    """Whether an event that brings a piece of text does nothing else, so that a run of them may be read as one."""

    def __init__(self) -> None:
        self.response_id = ""
        self.model = ""
        self.finish: Finish | None = None
        self.done = False

    @abstractmethod
    def event(self, data: Json, out: list[Chunk]) -> None:
        """Fold one event of a stream."""

    @abstractmethod
    def whole(self, data: Json, out: list[Chunk]) -> None:
        """Fold a reply that came in one piece."""

    def go_on(self, events: Sequence[Json]) -> None:
        """These events were handed out by another reader: what follows them is new."""
        for event in events:
            self.event(event, [])

    def code(self, error: Mapping[str, Any]) -> str:
        """The provider's own word for what failed: OpenAI's `code`, else `type`."""
        return str(error.get("code") or error.get("type") or "")

    def over(self, out: list[Chunk]) -> None:
        """The provider has nothing more to say: `Ended` where it gave a reason. Raises Cut where it did not."""
        if self.done:
            return
        if self.finish is None:
            raise Cut("The answer broke off before the provider ended it.")
        out.append(Ended(self.finish, self.response_id, self.model))
        self.done = True


class Reader:
    """Reads one reply, whole or streamed: bytes in, chunks out, at any split of the bytes.

    Chunks come out once, in order, `Ended` last. A fault is raised as soon as there are no chunks before it left to
    hand out: by the call that met it, or, after `fault` has been set, by the next.
    """

    __slots__ = ("_body", "_decoder", "_headers", "_opened", "_repeats", "_sse", "_status", "fault")

    def __init__(self, decoder: Decoder, status: int, headers: Mapping[str, str]) -> None:
        self._decoder = decoder
        self._status = status
        self._headers = {key.lower(): value for key, value in headers.items()}
        self._sse: SseReader | None = None
        self._repeats = Repeats()
        self._body: list[bytes] = []
        self._opened = (
            not 200 <= status < 300
        )  # whether the body's kind is known; an error's is never a stream
        self.fault: ProviderFault | None = None

    @property
    def settled(self) -> bool:
        """Whether the answer is known to be complete: only its usage or the end of the body may be to come."""
        return self._decoder.finish is not None

    @property
    def done(self) -> bool:
        """Whether `Ended` has been handed out: nothing that follows counts."""
        return self._decoder.done

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """The chunks that `data` completes. Raises a ProviderFault (class docstring)."""
        if self.fault is not None:
            raise self.fault
        out: list[Chunk] = []
        try:
            if self._sse is not None:
                self._stream(self._sse, data, out)
            else:
                self._begin(data, out)
        except ProviderFault as fault:
            if not out:
                raise
            self.fault = fault
        return out

    def end(self) -> Sequence[Chunk]:
        """The body is over: the last chunks. Raises the reply's fault: an error status, or Cut where no end came."""
        if self.fault is not None:
            raise self.fault
        out: list[Chunk] = []
        try:
            if self._sse is not None:
                self._fold(self._sse.end(), out, unfinished=True)
            else:
                self._fold_body(b"".join(self._body), out)
            self._decoder.over(out)
        except ProviderFault as fault:
            if not out:
                raise
            self.fault = fault
        return out

    def _begin(self, data: bytes, out: list[Chunk]) -> None:
        """The first bytes decide what the body is, because gateways send streams under any content type: an event
        stream opens with a field, JSON never does. Only what opens with neither is judged by its type."""
        self._body.append(data)
        if self._opened:
            return
        head = b"".join(self._body)
        mark = head.removeprefix(_BOM).lstrip()[:6]
        if (
            not mark
            or _BOM.startswith(head)
            or any(len(mark) < len(f) and f.startswith(mark) for f in _FIELDS)
        ):
            return
        self._opened = True
        kind = self._headers.get("content-type", "event-stream")
        if mark.startswith(_FIELDS) or (mark[:1] not in b"{[" and "event-stream" in kind):
            self._sse = SseReader()
            self._body = []
            self._stream(self._sse, head, out)

    def _stream(self, sse: SseReader, data: bytes, out: list[Chunk]) -> None:
        """Fold a read of an event stream; events that repeat but for their text as one."""
        repeats, decoder = self._repeats, self._decoder
        if not (decoder.repeating and repeats.hopeful) or b"\r" in data:
            self._fold(sse.feed(data), out)
            return
        at = 0
        while (end := data.find(b"\n\n", at) + 2) > 1 and decoder.finish is None:
            if repeats.known and sse.between and data.startswith(repeats.prefix, at):
                text, after = repeats.run(data, at)
                if after > at:
                    at = after
                    if text:
                        out.append(Text(text))
                    continue
            whole, before = sse.between, len(out)
            self._fold(sse.feed(data[at:end]), out)
            if whole and not repeats.known and len(out) == before + 1 and type(out[-1]) is Text:
                repeats.learn(data[at:end], out[-1].text)
            at = end
        if at < len(data):
            self._fold(sse.feed(data[at:]), out)

    def _fold(self, events: Sequence[Event], out: list[Chunk], *, unfinished: bool = False) -> None:
        decoder = self._decoder
        for event in events:
            if decoder.done:
                return
            payload = event.data
            if payload.startswith(b"[DONE]"):
                decoder.over(out)
                continue
            try:
                data = jsontext.read(payload)
            except ValueError as error:
                if unfinished:
                    return
                raise Malformed(
                    f"The provider sent an event that is no JSON: {error}.", provider_status=200
                ) from None
            self._fold_value(data, decoder.event, out)

    def _fold_body(self, body: bytes, out: list[Chunk]) -> None:
        if not 200 <= self._status < 300:
            raise self._refusal(body)
        body = body.removeprefix(_BOM)
        try:
            data = jsontext.read(body)
        except ValueError as error:
            if not self._opened or (body.lstrip()[:1] in b"{[" and _breaks_off(body, error)):
                raise Cut("The answer broke off before its end.", provider_status=self._status) from None
            raise Malformed(
                f"The provider's answer is no JSON: {error}.", provider_status=self._status
            ) from None
        if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
            for item in data:  # Gemini's stream without `alt=sse`, and its way to wrap an error
                self._fold_value(item, self._decoder.event, out)
            return
        self._fold_value(data, self._decoder.whole, out)

    def _fold_value(self, data: Any, fold: Callable[[Json, list[Chunk]], None], out: list[Chunk]) -> None:
        try:
            if data.get("error"):
                raise self._failure(data["error"])
            fold(data, out)
        except _WRONG_SHAPE as error:
            raise Malformed(
                f"The provider sent something that its format does not have ({type(error).__name__}: {error}).",
                provider_status=self._status,
            ) from error

    def _failure(self, error: Any, text: str = "") -> ProviderFault:
        known = error if isinstance(error, Mapping) else {}
        return failure(
            error,
            status=self._status,
            code=self._decoder.code(known),
            word=str(known.get("type") or ""),
            headers=self._headers,
            text=text,
        )

    def _refusal(self, body: bytes) -> ProviderFault:
        """The fault for an error status, whatever its body."""
        text = body.decode("utf-8", "replace")
        try:
            data = jsontext.read(body)
        except ValueError:
            return self._failure(None, text)
        if isinstance(data, list) and data:
            data = data[0]
        inner = data.get("error") if isinstance(data, dict) else None
        return self._failure(inner or data, text)


def _breaks_off(body: bytes, error: ValueError) -> bool:
    """Whether a JSON text is no JSON because its end is missing."""
    if "unexpected end" in str(error).lower():
        return True
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        return broken.end >= len(body) and broken.reason == "unexpected end of data"
    return False


@dataclass(frozen=True, slots=True)
class Wire:
    """A wire format by name. `credential` makes the headers that carry an API key; they are never logged."""

    name: str
    encode: Encode
    decoder: Callable[[], Decoder]
    credential: Callable[[str], Mapping[str, str]]
    resume: Callable[[WireRequest, bytes], WireRequest | None] | None = None
    """What takes a broken reply to the request up, made of the bytes received: see `Provider.resume`."""
    leave: Callable[[WireRequest, bytes], WireRequest | None] | None = None
    """What stops the provider where closing the connection does not, made of the request and the bytes received."""
    apart: Callable[[Encoded, Prompt, Callable[[str], str]], Encoded] | None = None
    """Keeps tenants apart where the server shares what it has read between requests: gives the request what names its
    tenant and its conversation there. The last argument makes such a name, one that nobody can guess, of a text."""

    def reader(self, status: int, headers: Mapping[str, str], after: bytes = b"") -> Reader:
        """A reader for one reply of this HTTP status and these response headers; with `after` (`WireRequest`), for
        one that goes on from there."""
        decoder = self.decoder()
        if after:
            decoder.go_on(told(after))
        return Reader(decoder, status, headers)


def word(value: object) -> str:
    """An id or a name, which some servers leave out, send as null or as a number."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def bearer(key: str) -> Mapping[str, str]:
    """The credential that most providers take."""
    return {"authorization": f"Bearer {key}"}
