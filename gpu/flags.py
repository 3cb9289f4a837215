"""A pool's settings as data, and the command line of `vllm serve` that they come to.

Written against vLLM 0.32.0, the version that the contract tests run (`make test-vllm`). What is left out on purpose:
speculative decoding (with a schema it filled a streamed answer with 250,000 characters, vllm#55313) and any logging of
requests (prompts are our tenants' texts).
"""

import json
import sys
from dataclasses import dataclass
from typing import Literal

from gpu.kinds import Kind
from gpu.llamas import UTILISATION, Llama, fitting

FRONT = "gpu.front.Front"
PORT = 8000
DRAIN_SECONDS = 90
"""How long answers that are being written may go on once a replica is to end. The longest answer of the slowest kind
takes longer: it is cut, and the caller's own failover goes on with it."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What `vllm serve` is started with. `drain` is in seconds, `utilisation` a share of each card's memory."""

    model: str
    """The folder of its files."""
    served: str
    context: int
    at_once: int
    cards: int = 1
    cache_dtype: Literal["auto", "fp8"] = "auto"
    utilisation: float = UTILISATION
    tools: str = "llama3_json"
    schemas: Literal["xgrammar", "guidance", "auto"] = "xgrammar"
    """xgrammar without white space of its own: guidance refuses named tools with 400, and white space that a schema
    allows is what a small model runs on in."""
    drain: int = DRAIN_SECONDS
    port: int = PORT
    front: str = FRONT
    sleeps: bool = False
    """Whether it can give its memory back, for a snapshot of the GPU."""
    dummy: bool = False
    """Random weights, for trying a configuration without a download."""

    def argv(self, python: str = sys.executable) -> tuple[str, ...]:
        """The whole command line; to be run where `gpu` can be imported from the working directory."""
        schemas = {"backend": self.schemas, "disable_any_whitespace": self.schemas != "auto"}
        made = [
            *(python, "-m", "vllm.entrypoints.cli.main", "serve", self.model),
            *("--served-model-name", self.served),
            *("--host", "0.0.0.0", "--port", str(self.port)),  # noqa: S104 - Modal's proxy comes from outside
            *("--max-model-len", str(self.context)),
            *("--max-num-seqs", str(self.at_once)),
            *("--gpu-memory-utilization", f"{self.utilisation:.2f}"),
            *("--kv-cache-dtype", self.cache_dtype),
            # A salted prefix is only as private as its hash is hard to collide.
            *("--enable-prefix-caching", "--prefix-caching-hash-algo", "sha256"),
            "--enable-prompt-tokens-details",
            *("--structured-outputs-config", json.dumps(schemas)),
            *("--enable-auto-tool-choice", "--tool-call-parser", self.tools),
            *("--shutdown-timeout", str(self.drain)),
            *("--middleware", self.front),
            *("--no-enable-log-requests", "--disable-uvicorn-access-log", "--uvicorn-log-level", "warning"),
        ]
        if self.cards > 1:
            made += ["--tensor-parallel-size", str(self.cards)]
        if self.sleeps:
            made.append("--enable-sleep-mode")
        if self.dummy:
            made += ["--load-format", "dummy"]
        return tuple(made)


def flags_for(llama: Llama, kind: Kind, *, folder: str, dummy: bool = False, sleeps: bool = False) -> Flags:
    """The flags of this model on this kind, its weights in `folder`. Raises DoesNotFit."""
    fitting(llama, kind)
    return Flags(
        model=folder,
        served=llama.served,
        context=kind.context,
        at_once=kind.at_once,
        cards=kind.cards,
        cache_dtype=llama.cache_dtype(kind),
        # A restored snapshot needs some room of its own beside what the engine had.
        utilisation=0.80 if sleeps else UTILISATION,
        sleeps=sleeps,
        dummy=dummy,
    )
