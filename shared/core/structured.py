"""Structured answers as models write them: found in what is round them, checked, and readable while they grow.

A schema is asked for natively where a provider offers that, and checked here always: natively means "mostly".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from shared.core.chunk import Completion
from shared.core.faults import BadRequest, Malformed
from shared.core.prompt import Message, Prompt
from shared.core.schema import Schema

_FENCED = re.compile(r"```[\w+-]*[^\S\n]*\n(.*?)\n?[^\S\n]*```", re.S)
_STARTS = 16
"""Places at which JSON is looked for inside other words."""
_NUMBER = re.compile(r"[-+.0-9eE]+\Z")
_TOLD = 5
"""Problems that a fault names: enough to repair an answer by."""
_EAGER = 2048
"""Code points up to which every member that is completed shows at once; past them an answer is read again when it is
an eighth longer, so that all readings together cost no more than nine of the whole."""
_RUN = 512
"""White space in a row that no JSON needs: a grammar that allows any lets a model write it for ever (vllm#55313)."""


class Absent:
    """The type of NOTHING."""

    __slots__ = ()


NOTHING: Final = Absent()
"""No value: `None` is one."""


def read(text: str, schema: Schema | None = None) -> Any:
    """The JSON value that an answer holds, checked. Raises Malformed, saying what is wrong with it.

    A code fence and words before or after the value are left out; raw control characters in strings, which xgrammar
    lets through, are read.
    """
    value = _found(text.strip())
    if schema is not None and (problems := schema.problems(value)):
        raise Malformed("The answer does not fit its schema: " + "; ".join(problems[:_TOLD]))
    return value


def answered(answer: Completion, schema: Schema | None = None) -> Any:
    """`read` of a whole answer; one that ended at its token limit is told as such. Raises Malformed."""
    try:
        return read(answer.text, schema)
    except Malformed:
        if answer.finish == "length":
            raise Malformed(
                "The answer reached its limit of tokens before its JSON was whole", provider_code="length"
            ) from None
        raise


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer is what its prompt's schema asks for, as its caller will parse it; `why` not, in a sentence."""

    fits: bool
    why: str = ""


def verdict(prompt: Prompt, answer: Completion) -> Verdict | None:
    """Of a whole answer. None where no JSON was asked for, or the model called a tool or declined instead."""
    if (prompt.schema is None and not prompt.json_object) or answer.finish not in ("stop", "length", "other"):
        return None
    try:
        answered(answer, prompt.schema)
        orjson.loads(answer.text)
    except Malformed as fault:
        return Verdict(False, fault.message)
    except orjson.JSONDecodeError:
        return Verdict(False, "There are words round the JSON, or control characters in it.")
    return Verdict(True)


def healed(text: str, schema: Schema | None) -> str:
    """The JSON text of an answer, for a caller that parses it as it stands: `text` itself where that is JSON, else what
    `read` finds in it, written anew. Raises Malformed."""
    value = read(text, schema)
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return orjson.dumps(value).decode()
    return text


def repair(prompt: Prompt, said: str, fault: Malformed) -> Prompt:
    """The same question, with the answer that did not fit and what is wrong with it."""
    what = "corrected"
    if fault.provider_code == "length":
        what = "shorter, so that it is whole"
    ask_again = f"{fault.message.rstrip('.')}. Return the whole answer again, {what}, as compact JSON and nothing else."
    return replace(
        prompt, messages=(*prompt.messages, Message("assistant", said), Message("user", ask_again))
    )


def _found(text: str) -> Any:
    if (value := _loaded(text)) is not NOTHING:
        return value
    for fenced in _FENCED.finditer(text):
        if (value := _loaded(fenced.group(1).strip())) is not NOTHING:
            return value
    best: Any = NOTHING
    size = 0
    at = -1
    for _ in range(_STARTS):
        at = min((found for mark in "{[" if (found := text.find(mark, at + 1)) >= 0), default=-1)
        if at < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, at)
            orjson.dumps(value)
        except (ValueError, TypeError, RecursionError):
            continue
        if end - at > size:
            best, size = value, end - at
        at = end - 1
    if best is NOTHING:
        raise Malformed(f"The answer is no JSON: {_complaint(text)}")
    return best


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(strict=False, parse_constant=_no_constant)


def _loaded(text: str) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        pass
    try:
        value = _DECODER.decode(text)
        orjson.dumps(value)  # half a character is none
    except (ValueError, TypeError, RecursionError):
        return NOTHING
    return value


def _complaint(text: str) -> str:
    if not text:
        return "it is empty"
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        return str(error)
    return "it holds half a character"


def strict(node: Any) -> Any:
    """A JSON Schema as the providers' strict modes want it: every property required, none beside them, no default."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {
        name: strict(value) for name, value in node.items() if name != "default" or isinstance(value, dict)
    }
    properties = found.get("properties")
    if found.get("type") == "object" and isinstance(properties, dict):
        found["required"] = list(properties)
        found["additionalProperties"] = False
    return found


_MAPS = ("properties", "$defs", "definitions", "patternProperties")
_UNTIL_WHOLE = frozenset(
    {
        "required", "minProperties", "minItems", "contains", "minContains", "maxContains", "not", "if", "then", "else",
        "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "default", "examples",
    }
)  # fmt: skip
"""What can only be told of a value that is whole."""


def _relaxed(node: Any) -> Any:
    """A schema that beginnings of its values satisfy."""
    if isinstance(node, list):
        return [_relaxed(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    out: dict[str, Any] = {}
    for name, value in node.items():
        if name in ("enum", "const"):
            out[name] = value
        elif name in _MAPS and isinstance(value, Mapping):
            out[name] = {key: _relaxed(part) for key, part in value.items()}
        elif name == "oneOf":
            out.setdefault("allOf", []).append({"anyOf": _relaxed(value)})
        elif name == "allOf":
            out.setdefault("allOf", []).extend(_relaxed(value))
        elif name not in _UNTIL_WHOLE:
            out[name] = _relaxed(value)
    return out


class Partial:
    """The value of an answer while it grows: what is complete, and strings that still grow at its end.

    `feed` gives the next value worth showing, or NOTHING. Every value fits the schema but for what is yet to come
    (`required`, least sizes); a string that does not fit before it is whole (an `enum`) is left out until it is. A
    number shows once it is over. Total work is linear in the length of the answer.
    """

    __slots__ = ("_begun", "_parts", "_read_at", "_schema", "_shown", "_size")

    def __init__(self, schema: Schema) -> None:
        """Where the relaxed schema can't be made, nothing but members that are whole is checked, by nothing."""
        try:
            self._schema: Schema | None = Schema(schema.name, _relaxed(dict(schema.body)))
        except BadRequest:
            self._schema = None
        self._parts: list[str] = []
        self._size = 0
        self._read_at = 0
        self._begun = False
        self._shown: Any = NOTHING

    def feed(self, text: str) -> Any:
        """The next piece of the answer."""
        if not self._begun:
            if not (text := self._begin(text)):
                return NOTHING
        else:
            self._parts.append(text)
            self._size += len(text)
        grown = (self._size - self._read_at) * 8 >= self._read_at
        completed = self._size <= _EAGER and any(mark in text for mark in ',}]"')
        if not grown and not completed:
            return NOTHING
        self._read_at = self._size
        value = self._value()
        if value is NOTHING or (value == self._shown and type(value) is type(self._shown)):
            return NOTHING
        self._shown = value
        return value

    def _begin(self, text: str) -> str:
        """Skip what comes before the value: white space, a fence's first line, a preamble."""
        held = "".join(self._parts) + text
        at = min((found for mark in "{[" if (found := held.find(mark)) >= 0), default=-1)
        if at < 0:
            self._parts = [held] if len(held) <= _EAGER else []
            return ""
        self._begun = True
        held = held[at:]
        self._parts, self._size = [held], len(held)
        return held

    def _value(self) -> Any:
        import pydantic_core  # what pydantic stands on; its partial parser is fast, and ours to use

        self._parts = ["".join(self._parts)]
        # A number at the end may have more digits to come. Inside a string this leaves out digits until the next
        # other character: never more than was there before.
        text = _NUMBER.sub("", self._parts[0])
        for mode in ("trailing-strings", "on"):
            try:
                value = pydantic_core.from_json(text, allow_partial=mode)
            except ValueError:
                return NOTHING
            if self._schema is None or not self._schema.problems(value):
                return value
        return NOTHING


class WhiteSpace:
    """Notices an answer that runs away into white space. `feed` is true from the piece on with which it has."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run = 0

    def feed(self, text: str) -> bool:
        """Whether more white space in a row has come than any JSON needs."""
        if text.isspace():
            self._run += len(text)
        elif text:
            self._run = len(text) - len(text.rstrip())
        return self._run >= _RUN
