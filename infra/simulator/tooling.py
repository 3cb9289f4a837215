"""Decides whether a model would call a tool now, which, and with what arguments."""

import re

import orjson

from infra.simulator import brief, schema_fill
from infra.simulator.answer import Ask, Tool, ToolCall
from infra.simulator.wording import Wording

_FINAL = re.compile(r"final|output|result|respond|submit|finish|answer", re.I)
_FINAL_TOLD = re.compile(r"final (?:response|result|answer|output)|ends? (?:the|this) conversation", re.I)
_ACTS = re.compile(
    r"(?:get|find|look|lookup|search|fetch|list|set|create|delete|send|book|add|update|call|run|read|check|open|convert)"
    r"(?![a-z])",
    re.I,
)
_VERBS = frozenset(
    """get set find make list look lookup fetch read show call run tool the a an for of in to and or with from by
    value data info information given return returns current use used user args new this that your""".split()
)


def calls(ask: Ask, seed: int) -> tuple[ToolCall, ...]:
    """The calls that this answer makes; empty where it answers in words.

    A forced or required choice always calls. With `auto` a tool is called when the last user message clearly
    needs it, and never once a tool has answered, so that an agent's loop ends.
    """
    if not ask.tools or ask.choice == "none":
        return ()
    if ask.choice.startswith("="):
        return tuple(_call(tool, ask, seed) for tool in ask.tools if tool.name == ask.choice[1:])
    answered = _answered(ask)
    if ask.choice == "required":
        return _required(ask, seed, answered)
    if answered:
        return ()
    return _called(_needed(ask), ask, seed)


def _answered(ask: Ask) -> bool:
    for turn in reversed(ask.turns):
        if turn.role == "tool":
            return True
        if turn.role == "user":
            return False
    return False


def _required(ask: Ask, seed: int, answered: bool) -> tuple[ToolCall, ...]:
    endings = [
        tool for tool in ask.tools if _FINAL_TOLD.search(tool.description) or tool.name.startswith("final_")
    ]
    endings = endings or [tool for tool in ask.tools if _FINAL.search(tool.name)]
    if answered:
        used = {call.name for turn in ask.turns for call in turn.calls}
        unused = [tool for tool in ask.tools if tool.name not in used]
        return (_call((endings or unused or list(ask.tools))[0], ask, seed),)
    wanted = [tool for tool in _needed(ask) if tool not in endings]
    return _called(wanted or endings[:1] or list(ask.tools[:1]), ask, seed)


def _called(wanted: list[Tool], ask: Ask, seed: int) -> tuple[ToolCall, ...]:
    chosen = wanted if ask.parallel else wanted[:1]
    return tuple(_call(tool, ask, seed + at) for at, tool in enumerate(chosen))


def _needed(ask: Ask) -> list[Tool]:
    """Tools that the last user message asks for, the clearest first."""
    asked = brief.last_user(ask.turns)[:8_000].lower()
    heard = {_stem(word) for word in re.findall(r"[a-z]+", asked)}
    scored = [(_score(tool, asked, heard), at, tool) for at, tool in enumerate(ask.tools)]
    best = max((score for score, _, _ in scored), default=0)
    if best < 2:
        return []
    kept = [(score, at, tool) for score, at, tool in scored if score >= max(2, best - 2)]
    return [tool for _, _, tool in sorted(kept, key=lambda entry: (-entry[0], entry[1]))]


def _score(tool: Tool, asked: str, heard: set[str]) -> int:
    name = tool.name.lower()
    spoken = re.sub(r"[_\-]+", " ", name)
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", asked) or (" " in spoken and spoken in asked):
        return 10
    camel = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tool.name)
    words = {_stem(word) for word in re.findall(r"[a-z]+", re.sub(r"[_\-]+", " ", camel).lower())} - _VERBS
    told = {_stem(word) for word in re.findall(r"[a-z]{4,}", tool.description.lower())} - _VERBS
    named = len(words & heard)
    return 2 * named + min(len((told - words) & heard), 3) if named else len(told & heard)


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _call(tool: Tool, ask: Ask, seed: int) -> ToolCall:
    value: object = {}
    if any(tool.schema.get(word) for word in ("properties", "$ref", "required", "anyOf", "allOf", "oneOf")):
        wording = Wording(ask.turns, seed, terse=_ACTS.match(tool.name) is not None)
        value = schema_fill.fill({"type": "object", **tool.schema}, wording, seed)
    return ToolCall(tool.name, orjson.dumps(value).decode())
