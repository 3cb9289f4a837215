"""One exchange: a parsed request, what it costs, and the bytes of its answer, kept for repeats of the same
request."""

import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import count

import orjson

from infra.simulator import compose, openai_responses, vllm_completions
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Turn, Usage
from infra.simulator.failure import BadField, BadJson, WireError
from infra.simulator.faults import Fault
from infra.simulator.prompt_cache import PromptCache
from infra.simulator.wire import Target, Wire

_PREPARED = 1_024
_KEPT_BODY = 262_144
_RESPONSES = 512
# Answers are rendered once with these in the place of id and second, which are put in as the answer is sent.
_ID = f"sim{secrets.token_hex(12)}"
_SECOND = 9_000_000_000 + secrets.randbelow(900_000_000)


@dataclass(slots=True)
class Prepared:
    """A request that has been read and answered, whoever sends it next."""

    ask: Ask
    prompt: str
    answers: tuple[Answer, ...]
    output: int
    reasoning: int
    rendered: dict[tuple[Usage, bool], "Rendered"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer's bytes under the placeholders: as one body, and as frames where it is a stream."""

    body: bytes
    frames: tuple[Frame, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished response that may be retrieved or followed up."""

    turns: tuple[Turn, ...]
    frames: tuple[Frame, ...]
    body: bytes
    model: str


class Exchanges:
    """Reads requests and renders answers; remembers both."""

    def __init__(self) -> None:
        self.cache = PromptCache()
        self.responses: OrderedDict[str, Kept] = OrderedDict()
        self._prepared: OrderedDict[tuple[str, Target, bytes, str], Prepared] = OrderedDict()
        self._numbers = count(1)

    def stamp(self) -> Stamp:
        """A new exchange's id and second."""
        return Stamp(f"sim{next(self._numbers):08x}{secrets.token_hex(8)}", int(time.time()))

    def prepare(self, wire: Wire, target: Target, raw: bytes, fault: Fault | None) -> Prepared:
        """The request read and answered; raises `WireError`."""
        special = _special(fault)
        place = (type(wire).__name__, target, raw, special)
        found = self._prepared.get(place)
        if found is not None:
            self._prepared.move_to_end(place)
            return found
        made = self._prepare(wire, target, raw, special)
        if len(raw) <= _KEPT_BODY and not made.ask.extra.get("previous"):
            self._prepared[place] = made
            if len(self._prepared) > _PREPARED:
                self._prepared.popitem(last=False)
        return made

    def _prepare(self, wire: Wire, target: Target, raw: bytes, special: str) -> Prepared:
        try:
            ask = wire.ask(parse(raw), target)
        except BadField as error:
            raise wire.bad_field(error) from error
        except BadJson as error:
            raise wire.bad_json(error) from error
        if ask.extra.get("previous"):
            ask = self._followed(ask, str(ask.extra["previous"]))
        if special == "no_usage":
            ask = replace(ask, extra={**ask.extra, "include_usage": False, "continuous": False})
        if special.startswith("checkpoints:"):
            ask = replace(ask, extra={**ask.extra, "checkpoints": int(special.partition(":")[2])})
        if special.startswith("continuation:"):
            ask = replace(ask, extra={**ask.extra, "stop_at": int(special.partition(":")[2])})
        if special == "refuse":
            answers = compose.refused(ask)
        elif special.startswith("refuse_midway:"):
            answers = compose.filtered(ask, int(special.partition(":")[2]) * wire.chunk_tokens)
        elif special == "empty":
            answers = compose.empty(ask)
        else:
            style = special.removeprefix("seam:") if special.startswith("seam:") else "exact"
            answers = compose.answers(ask, seam_style=style)
        if ask.extra.get("token_ids") and "prompt_ids" not in ask.extra:
            vllm_completions.remember(ask)
        output = sum(answer.output_tokens for answer in answers)
        reasoning = sum(answer.reasoning_tokens for answer in answers)
        return Prepared(ask, ask.prompt() + ask.prefill, answers, output, reasoning, {})

    def usage(self, prepared: Prepared, key: str) -> Usage:
        """The tokens of this exchange, with what the key's earlier ones left in the prompt cache."""
        return self.cache.usage(prepared.ask, prepared.prompt, prepared.output, prepared.reasoning, key)

    def _followed(self, ask: Ask, previous: str) -> Ask:
        kept = self.responses.get(previous)
        if kept is None:
            raise WireError(
                400,
                f"Previous response with id '{previous}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return openai_responses.joined(ask, kept.turns)

    def render(self, wire: Wire, prepared: Prepared, usage: Usage) -> Rendered:
        """The answer's bytes under the placeholders, made once for each usage."""
        place = (usage, prepared.ask.stream)
        found = prepared.rendered.get(place)
        if found is not None:
            return found
        stamp = Stamp(_ID, _SECOND)
        ask, answers = prepared.ask, prepared.answers
        if ask.stream:
            frames = wire.frames(ask, answers, usage, stamp)
            body = b"".join(frame.data for frame in frames)
        else:
            frames = ()
            body = wire.body(ask, answers, usage, stamp)
        made = Rendered(body, frames, usage.output)
        prepared.rendered[place] = made
        return made

    def keep(self, wire: Wire, prepared: Prepared, rendered: Rendered, usage: Usage, stamp: Stamp) -> None:
        """Keeps a response of the Responses API for retrieval, unless it asked not to be stored."""
        ask = prepared.ask
        if not isinstance(wire, openai_responses.OpenAIResponses) or not ask.extra["store"]:
            return
        whole = wire.body(ask, prepared.answers, usage, stamp)
        frames = rendered.frames or wire.frames(ask, prepared.answers, usage, stamp)
        answer = prepared.answers[0]
        said = Turn("assistant", answer.text, answer.calls)
        stamped = tuple(replace(frame, data=stamped_bytes(frame.data, stamp)) for frame in frames)
        self.responses[f"resp_{stamp.core}"] = Kept((*ask.turns, said), stamped, whole, ask.model.id)
        if len(self.responses) > _RESPONSES:
            self.responses.popitem(last=False)

    def clear(self) -> None:
        """Forgets cached prompts and kept responses."""
        self.cache.clear()
        self.responses.clear()


def _special(fault: Fault | None) -> str:
    """What of a fault changes the answer itself and not its way."""
    if fault is None:
        return ""
    if fault.kind in {"refuse", "empty", "no_usage"}:
        return fault.kind
    if fault.kind == "seam":
        return f"seam:{fault.style}"
    if fault.kind in {"refuse_midway", "continuation"}:
        return f"{fault.kind}:{fault.after_chunks}"
    return "" if fault.checkpoints is None else f"checkpoints:{fault.checkpoints}"


def stamped_bytes(data: bytes, stamp: Stamp) -> bytes:
    """Rendered bytes with the exchange's own id and second."""
    core = orjson.dumps(stamp.core)[1:-1]
    return data.replace(_ID.encode(), core).replace(str(_SECOND).encode(), str(stamp.created).encode())


def parse(raw: bytes) -> Json:
    """The body as a JSON object; raises `BadJson`."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadJson(str(error)) from error
    if not isinstance(body, dict):
        raise BadJson("the body is no object")
    return body
