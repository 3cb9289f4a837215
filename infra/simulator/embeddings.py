"""OpenAI embeddings: deterministic unit vectors in which texts that share words and letters lie close."""

import base64
import hashlib
import math
import re
from array import array
from functools import lru_cache
from itertools import pairwise

import orjson

from infra.simulator import fields, openai_errors, tokens
from infra.simulator.answer import Json
from infra.simulator.catalogue import Model
from infra.simulator.failure import BadField, WireError

_DIMENSIONS = 1_536
_MOST_INPUTS = 2_048
_MOST_TOKENS = 8_192
_SPREAD = 8


def answer(body: Json, model: Model) -> bytes:
    """The body of `POST /embeddings`; raises `BadField` or `WireError`."""
    inputs = _inputs(body)
    dimensions = fields.integer(body, "dimensions") or _DIMENSIONS
    if dimensions > _DIMENSIONS:
        raise BadField("dimensions", "value", expected=f"1 to {_DIMENSIONS}", got=dimensions)
    form = fields.text(body, "encoding_format", default="float")
    if form not in {"float", "base64"}:
        raise BadField("encoding_format", "value", expected="float, base64", got=form)
    vectors = [vector(text, dimensions) for text, _ in inputs]
    read = sum(count for _, count in inputs)
    return orjson.dumps(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": at, "embedding": _shown(values, form)}
                for at, values in enumerate(vectors)
            ],
            "model": model.id,
            "usage": {"prompt_tokens": read, "total_tokens": read},
        }
    )


def _inputs(body: Json) -> list[tuple[str, int]]:
    """Each input as text with its token count; token arrays are taken as the words they number."""
    given = body.get("input")
    if given is None:
        raise BadField("input", "missing")
    if isinstance(given, str):
        return [_checked(given)]
    if not isinstance(given, list):
        raise BadField("input", "type", expected="string or array", got=given)
    if not given:
        raise BadField("input", "empty")
    if all(isinstance(item, int) and not isinstance(item, bool) for item in given):
        return [_of_ids(given)]
    if len(given) > _MOST_INPUTS:
        raise WireError(
            400, f"Invalid 'input': array too long. Expected at most {_MOST_INPUTS} items.", param="input"
        )
    made = []
    for at, item in enumerate(given):
        if isinstance(item, str):
            made.append(_checked(item))
        elif isinstance(item, list) and item and all(isinstance(number, int) for number in item):
            made.append(_of_ids(item))
        else:
            raise BadField(f"input[{at}]", "type", expected="string", got=item)
    return made


def _checked(text: str) -> tuple[str, int]:
    if not text:
        raise WireError(400, "'$.input' is invalid. An input must not be empty.", param="input")
    count = tokens.read(text)
    if count > _MOST_TOKENS:
        raise openai_errors.too_long(_MOST_TOKENS, count, "input")
    return text, count


def _of_ids(numbers: list[int]) -> tuple[str, int]:
    return " ".join(f"t{number}" for number in numbers), len(numbers)


def _shown(values: tuple[float, ...], form: str) -> str | list[float]:
    if form == "float":
        return [round(value, 8) for value in values]
    packed = array("f", values)
    return base64.b64encode(packed.tobytes()).decode()


@lru_cache(maxsize=4_096)
def vector(text: str, dimensions: int = _DIMENSIONS) -> tuple[float, ...]:
    """A unit vector of the text, from its words, word pairs and letter triples."""
    values = [0.0] * dimensions
    words = re.findall(r"\w+", text.lower())
    for feature, weight in _features(words):
        digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=4 * _SPREAD).digest()
        for at in range(_SPREAD):
            number = int.from_bytes(digest[4 * at : 4 * at + 4], "little")
            values[(number >> 1) % dimensions] += weight if number & 1 else -weight
    length = math.sqrt(sum(value * value for value in values))
    if not length:
        values[0] = length = 1.0
    return tuple(value / length for value in values)


def _features(words: list[str]) -> list[tuple[str, float]]:
    found = [(f"w:{word}", 1.0) for word in words]
    found += [(f"p:{left} {right}", 0.5) for left, right in pairwise(words)]
    for word in words:
        padded = f"^{word}$"
        found += [(f"t:{padded[at : at + 3]}", 0.3) for at in range(len(padded) - 2)]
    return found
