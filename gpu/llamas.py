"""The models that the pool serves: which files, at which commit, how large they are, and on which GPUs they fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from gpu.kinds import KINDS, Kind
from shared.config import BadSettings

UTILISATION = 0.90
"""Share of a card's memory that vLLM may take; its own default is 0.92, which leaves a sampler's warm-up little."""
OVERHEAD = 3 << 30
"""Bytes on each card that are neither weights nor cache: activations of a batch of prompts, CUDA graphs, the runtime.
An estimate; vLLM measures it at each start and prints it."""
LEAST_FULL = 2
"""Requests of the longest kind that must fit into the cache at once, or the pool would serve one at a time."""


class UnknownModel(BadSettings):
    """The pool has no such model; the message names the nearest one."""


class DoesNotFit(BadSettings):
    """The model has no room on that kind of GPU; the message says where it has."""


@dataclass(frozen=True, slots=True)
class Llama:
    """A model as the pool serves it. Sizes are those of the architecture: bytes of all weights, bytes of cache that
    one token takes in bfloat16."""

    name: str
    """The catalogue's name."""
    served: str
    """The name on the wire: the catalogue's `native`."""
    repo: str
    revision: str
    """The commit of `repo`: what was tested is what is loaded."""
    quantisation: Literal["fp8"]
    weights: int
    kv_bytes: int
    boot: int
    """Seconds within which it must be ready: reading the weights from the volume at 1 GB/s, compiling, graphs, and as
    much again."""

    def room(self, kind: Kind) -> int:
        """Bytes that are left for the cache on all cards of a replica; negative where the weights alone don't fit."""
        return int(kind.memory * UTILISATION - OVERHEAD) * kind.cards - self.weights

    def cache_dtype(self, kind: Kind) -> Literal["auto", "fp8"]:
        """FP8 where the cache would otherwise hold less than a tenth of a full batch at full length: it halves a
        token's bytes, at a loss of accuracy that nobody here has measured."""
        tight = self.room(kind) < self.kv_bytes * kind.context * kind.at_once // 10
        return "fp8" if tight else "auto"

    def cached(self, kind: Kind) -> int:
        """Tokens that the cache holds; 0 where nothing is left for it."""
        each = self.kv_bytes // 2 if self.cache_dtype(kind) == "fp8" else self.kv_bytes
        return max(self.room(kind), 0) // each

    def fits(self, kind: Kind) -> bool:
        """Whether enough of the longest requests have room at once."""
        return self.cached(kind) >= LEAST_FULL * kind.context


LLAMAS: Mapping[str, Llama] = {
    llama.name: llama
    for llama in (
        # 32 layers of 8 key and value heads of 128, 2 bytes each; 8.03 billion parameters, of which the 1.05 billion
        # of both embeddings stay in bfloat16. The commit is the one that Modal's own example pins.
        Llama(
            "llama-3.1-8b",
            "meta-llama/Llama-3.1-8B-Instruct",
            "RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8",
            "12fd6884d2585dd4d020373e7f39f74507b31866",
            "fp8",
            weights=9_081_000_000,
            kv_bytes=131_072,
            boot=840,
        ),
        # 80 layers of the same; 70.55 billion, 2.1 billion of them in bfloat16. The commit is from a published
        # deployment of the same files (ai-dynamo's notes); a wrong one fails at the download, not silently.
        Llama(
            "llama-3.3-70b",
            "meta-llama/Llama-3.3-70B-Instruct",
            "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic",
            "ddb4128556dfcff99e0c41aee159ea6c3e655dcd",
            "fp8",
            weights=72_660_000_000,
            kv_bytes=327_680,
            boot=1_500,
        ),
    )
}


def llama_named(name: str) -> Llama:
    """The model of that catalogue name. Raises UnknownModel."""
    found = LLAMAS.get(name.strip().lower())
    if found is None:
        near = get_close_matches(name.strip().lower(), LLAMAS, 1, 0.0)
        raise UnknownModel(
            f"The pool has no model '{name}'; did you mean {near[0]}? There are {', '.join(LLAMAS)}."
        )
    return found


def fitting(llama: Llama, kind: Kind) -> Llama:
    """The model itself. Raises DoesNotFit."""
    if not llama.fits(kind):
        others = ", ".join(other.name for other in KINDS.values() if llama.fits(other))
        raise DoesNotFit(
            f"{llama.name} needs {llama.weights / 1e9:.1f} GB for its weights and room for {LEAST_FULL} requests of"
            f" {kind.context} tokens; {kind.name} has {kind.memory * kind.cards / 1e9:.1f} GB. It fits on {others}."
        )
    return llama
