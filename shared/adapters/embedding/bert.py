"""A BERT encoder in plain numpy: what MiniLM needs and no more.

Weights are mapped from the file, not read: processes on a machine share them, and rows of the vocabulary that nobody
writes are never loaded. Format of the file: eight bytes with the length of a JSON header, the header, the numbers.
"""

import json
import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_SMALL = np.float32(1e-12)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One block: query, key and value in one matrix, since three small products cost more than one."""

    mixed: Array
    mixed_bias: Array
    out: Array
    out_bias: Array
    out_norm: tuple[Array, Array]
    wide: Array
    wide_bias: Array
    narrow: Array
    narrow_bias: Array
    norm: tuple[Array, Array]


class Encoder:
    """Sentence vectors: the mean of the last layer, of length 1. Safe in several threads: it holds no state."""

    def __init__(self, path: Path, heads: int) -> None:
        weights = tensors(path)
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"]
            + (weights["embeddings.token_type_embeddings.weight"][0])
        )
        self._norm = _pair(weights, "embeddings.LayerNorm")
        count = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
        self._layers = [_layer(weights, f"encoder.layer.{index}.") for index in range(count)]
        self._heads = heads

    @property
    def dimensions(self) -> int:
        """How long a vector is."""
        return int(self._words.shape[1])

    def vector(self, ids: Sequence[int]) -> Array:
        """The vector of one text, given its token numbers, [CLS] and [SEP] among them."""
        state = _normed(self._words[list(ids)] + self._places[: len(ids)], self._norm)
        for layer in self._layers:
            state = self._through(layer, state)
        mean = state.mean(axis=0)
        found: Array = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return found.astype(np.float32)

    def _through(self, layer: _Layer, state: Array) -> Array:
        length, width = state.shape
        depth = width // self._heads
        mixed = (state @ layer.mixed + layer.mixed_bias).reshape(length, 3, self._heads, depth)
        query, key, value = mixed.transpose(1, 2, 0, 3)
        weights = query @ key.transpose(0, 2, 1) / np.float32(depth**0.5)
        weights = np.exp(weights - weights.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        seen = (weights @ value).transpose(1, 0, 2).reshape(length, width)
        state = _normed(state + seen @ layer.out + layer.out_bias, layer.out_norm)
        wide = _gelu(state @ layer.wide + layer.wide_bias)
        return _normed(state + wide @ layer.narrow + layer.narrow_bias, layer.norm)


def tensors(path: Path) -> dict[str, Array]:
    """The float32 arrays of a safetensors file, mapped. Raises OSError and ValueError."""
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (length,) = struct.unpack_from("<Q", data, 0)
    start = 8 + length
    found: dict[str, Array] = {}
    for name, entry in json.loads(data[8:start]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        first, last = entry["data_offsets"]
        values = np.frombuffer(data, np.dtype("<f4"), (last - first) // 4, start + first)
        found[name] = values.reshape(entry["shape"])
    return found


def _pair(weights: dict[str, Array], name: str) -> tuple[Array, Array]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _layer(weights: dict[str, Array], at: str) -> _Layer:
    query, key, value = (_pair(weights, f"{at}attention.self.{name}") for name in ("query", "key", "value"))
    out, out_bias = _pair(weights, f"{at}attention.output.dense")
    wide, wide_bias = _pair(weights, f"{at}intermediate.dense")
    narrow, narrow_bias = _pair(weights, f"{at}output.dense")
    return _Layer(
        mixed=np.concatenate([query[0], key[0], value[0]]).T,
        mixed_bias=np.concatenate([query[1], key[1], value[1]]),
        out=out.T,
        out_bias=out_bias,
        out_norm=_pair(weights, f"{at}attention.output.LayerNorm"),
        wide=wide.T,
        wide_bias=wide_bias,
        narrow=narrow.T,
        narrow_bias=narrow_bias,
        norm=_pair(weights, f"{at}output.LayerNorm"),
    )


def _normed(state: Array, norm: tuple[Array, Array]) -> Array:
    centred = state - state.mean(axis=-1, keepdims=True)
    spread = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + _SMALL)
    found: Array = centred / spread * norm[0] + norm[1]
    return found


def _gelu(value: Array) -> Array:
    """x Φ(x), with erf as in Abramowitz and Stegun 7.1.26: off by 1.5e-7 at most, and numpy has none."""
    scaled = np.abs(value) * np.float32(0.7071067811865476)
    part = 1 / (1 + np.float32(0.3275911) * scaled)
    steps = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    total = np.zeros_like(part)
    for step in steps:
        total = (total + np.float32(step)) * part
    erf = np.sign(value) * (1 - total * np.exp(-scaled * scaled))
    found: Array = value * (1 + erf) * np.float32(0.5)
    return found
