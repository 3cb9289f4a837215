"""Scripted faults: what goes wrong, where in the stream, and for which calls.

A fault comes from a plan (`POST /_control/plan`) or from the headers of one request (`x-sim-fault`, with each
field of `Fault` as `x-sim-<field>`, or the whole as JSON).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import count
from typing import Any

import orjson

from infra.simulator import pool
from infra.simulator.answer import Frame
from infra.simulator.seam import STYLES

KINDS = {
    "pace": "nothing goes wrong: only ttft_ms, tpot_ms and split_bytes apply",
    "status": "an error status in the provider's shape, before any answer",
    "refuse": "a content refusal in the provider's shape",
    "refuse_midway": "a content filter ends the answer after after_chunks chunks (vLLM, Perplexity: it just stops)",
    "empty": "an answer without text that ends normally",
    "stall": "silence after after_chunks chunks, for `seconds` or until the client leaves",
    "stall_headers": "silence before the response headers, for `seconds` or until the client leaves",
    "drop": "the connection is closed before the response headers",
    "reset": "the connection is reset (RST) after after_chunks chunks or after_bytes bytes of the body",
    "close": "the body ends cleanly after after_chunks or after_bytes, without its terminal events",
    "cut": "the connection is closed (FIN) in the middle of the body, after after_chunks or after_bytes",
    "malformed": "one event of broken JSON after after_chunks chunks; the stream goes on",
    "error_event": "an error event of the provider after after_chunks chunks; the stream ends",
    "duplicate_terminal": "the terminal events are sent twice",
    "no_usage": "a stream ends without having reported usage (OpenAI chat and vLLM, where usage is asked for)",
    "junk_type": "the right body under a wrong content-type",
    "junk_body": "a proxy's HTML page with status 200",
    "continuation": "Gemini stops after after_chunks chunks with finishReason CONTINUATION and a continuationToken",
    "forget": "a broken response can't be taken up any longer; meets only requests that try (Gemini, Responses)",
    "seam": "a continuation is written in a `style` that real models show at the seam",
    **pool.KINDS,
}
STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)


class BadFault(ValueError):
    """A fault or plan that cannot be played; the message says which field and why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Times are milliseconds where the name says so, else seconds; offsets are
    bytes of the body as a client reads it (before transfer coding); a chunk is a frame that carries content.
    """

    kind: str
    status: int = 503
    message: str = ""
    type: str | None = None
    code: str | None = None
    retry_after: float | None = None
    after_chunks: int = 0
    after_bytes: int | None = None
    seconds: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    split_bytes: int | None = None
    checkpoints: int | None = None
    """Gemini: chunks from one continuationToken to the next; 0 gives none."""
    style: str = "exact"
    content_type: str = "text/html; charset=utf-8"

    def __post_init__(self) -> None:
        """Refuses what could not be played."""
        if self.kind not in KINDS:
            raise BadFault(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if self.kind in {"status", "error_event"} and self.status not in STATUSES:
            raise BadFault(f"status {self.status} is none of {', '.join(map(str, STATUSES))}")
        if self.style not in STYLES:
            raise BadFault(f"style {self.style!r} is none of {', '.join(STYLES)}")
        if self.split_bytes is not None and self.split_bytes < 1:
            raise BadFault("split_bytes must be at least 1")
        if self.after_chunks < 0 or (self.after_bytes or 0) < 0 or (self.checkpoints or 0) < 0:
            raise BadFault("after_chunks, after_bytes and checkpoints must not be negative")


_KNOWN = {field.name: field for field in fields(Fault)}
_WHOLE = {"status", "after_chunks", "after_bytes", "split_bytes", "checkpoints"}
_TAKES_UP = (b'"continuationToken"', b"starting_after=")
_REAL = {"retry_after", "seconds", "ttft_ms", "tpot_ms"}


def read(value: Any) -> Fault:
    """A fault from JSON: an object of `Fault`'s fields, or the bare name of its kind."""
    if isinstance(value, str):
        value = {"kind": value}
    if not isinstance(value, dict):
        raise BadFault("a fault is an object or the name of its kind")
    unknown = sorted(set(value) - set(_KNOWN))
    if unknown:
        raise BadFault(f"unknown field {unknown[0]!r}; known are {', '.join(_KNOWN)}")
    given = {name: part for name, part in value.items() if part is not None}
    for name, part in given.items():
        number = isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part)
        if name in _WHOLE | _REAL:
            if not number or (name in _WHOLE and part != int(part)):
                raise BadFault(f"{name} must be a {'whole ' if name in _WHOLE else ''}number")
            given[name] = int(part) if name in _WHOLE else float(part)
        elif not isinstance(part, str):
            raise BadFault(f"{name} must be a string")
    return Fault(**{"kind": "pace", **given})


def from_headers(headers: Mapping[str, str]) -> Fault | None:
    """The fault that a request asks for itself, or None."""
    given: dict[str, Any] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered.startswith("x-sim-"):
            given[lowered.removeprefix("x-sim-").replace("-", "_")] = value
    if not given:
        return None
    whole = given.pop("fault", None)
    if whole is not None and whole.startswith("{"):
        try:
            given = {**orjson.loads(whole), **given}
        except orjson.JSONDecodeError as error:
            raise BadFault(f"x-sim-fault is no JSON: {error}") from error
    elif whole is not None:
        given["kind"] = whole
    for name in _WHOLE | _REAL:
        if isinstance(given.get(name), str):
            try:
                given[name] = float(given[name])
            except ValueError:
                raise BadFault(f"x-sim-{name.replace('_', '-')} must be a number") from None
    return read(given)


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault and the calls that it meets. `times` counts down; None means every call."""

    id: int
    fault: Fault
    provider: str = "*"
    model: str | None = None
    match: str | None = None
    times: int | None = 1

    def meets(self, provider: str, model: str, body: bytes) -> bool:
        """True where this rule is about the call; `body` is its path and query where it has none."""
        if self.fault.kind == "forget" and not any(mark in body for mark in _TAKES_UP):
            return False
        if self.fault.kind in pool.KINDS and provider != "llama":
            return False
        return (
            self.provider in {"*", provider}
            and self.model in {None, model}
            and (self.match is None or self.match.encode() in body)
        )


class Plan:
    """The rules in force, oldest first; the first that meets a call decides it."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._ids = count(1)

    def add(
        self,
        fault: Fault,
        *,
        provider: str = "*",
        model: str | None = None,
        match: str | None = None,
        times: int | None = 1,
    ) -> Rule:
        """Puts a rule in force."""
        if times is not None and times < 1:
            raise BadFault("times must be at least 1, or null for every call")
        rule = Rule(next(self._ids), fault, provider, model, match, times)
        self._rules.append(rule)
        return rule

    def take(self, provider: str, model: str, body: bytes) -> Fault | None:
        """The fault for this call, counted off its rule; None where no rule meets it."""
        for at, rule in enumerate(self._rules):
            if rule.meets(provider, model, body):
                if rule.times == 1:
                    del self._rules[at]
                elif rule.times is not None:
                    self._rules[at] = replace(rule, times=rule.times - 1)
                return rule.fault
        return None

    def rules(self) -> tuple[Rule, ...]:
        """What is in force."""
        return tuple(self._rules)

    def clear(self) -> None:
        """Puts everything out of force."""
        self._rules.clear()


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes of the body; `tokens` is what they carry, `paced` whether the inter-chunk pause comes before
    them."""

    data: bytes
    tokens: int = 0
    paced: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence: seconds, or None until the client leaves."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class End:
    """The connection's end: reset (RST), cut (FIN, body unfinished) or close (body finished)."""

    how: str


Act = Send | Wait | End


def acts(frames: tuple[Frame, ...], fault: Fault | None, broken: bytes, error: bytes) -> Iterator[Act]:
    """What happens on the wire, in order. `broken` and `error` are the provider's malformed and error frames."""
    if fault is None:
        yield from (Send(frame.data, frame.tokens, frame.tokens > 0) for frame in frames)
        return
    if fault.kind in {"reset", "cut", "close", "stall"} and fault.after_bytes is not None:
        yield from _until_byte(frames, fault)
        return
    struck = False
    chunks = 0
    last_content = max((at for at, frame in enumerate(frames) if frame.is_chunk), default=-1)
    for at, frame in enumerate(frames):
        due = frame.is_chunk and chunks == fault.after_chunks
        if not struck and (due or at > last_content):
            struck = True
            yield from _strike(fault, broken, error)
            if fault.kind in {"reset", "cut", "close", "error_event"}:
                return
        yield Send(frame.data, frame.tokens, frame.tokens > 0)
        chunks += frame.is_chunk
    if not struck:
        yield from _strike(fault, broken, error)
    if fault.kind == "duplicate_terminal":
        yield from (Send(frame.data) for frame in frames if frame.terminal)


def _strike(fault: Fault, broken: bytes, error: bytes) -> Iterator[Act]:
    if fault.kind == "stall":
        yield Wait(fault.seconds)
    elif fault.kind == "malformed":
        yield Send(broken)
    elif fault.kind == "error_event":
        yield Send(error)
        yield End("close")
    elif fault.kind in {"reset", "cut", "close"}:
        yield End(fault.kind)


def _until_byte(frames: tuple[Frame, ...], fault: Fault) -> Iterator[Act]:
    left = fault.after_bytes or 0
    rest = list(frames)
    while rest and len(rest[0].data) <= left:
        frame = rest.pop(0)
        left -= len(frame.data)
        yield Send(frame.data, frame.tokens, frame.tokens > 0)
    if rest and left:
        yield Send(rest[0].data[:left], 0, True)
    if fault.kind != "stall":
        yield End(fault.kind)
        return
    yield Wait(fault.seconds)
    if rest:
        yield Send(rest[0].data[left:], rest[0].tokens)
    yield from (Send(frame.data, frame.tokens, frame.tokens > 0) for frame in rest[1:])
