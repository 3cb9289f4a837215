"""How a container comes to hold what it runs: without the collector of garbage, and all of it before a snapshot."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

LATE = (
    "aiohttp",
    "cryptography.hazmat.primitives.ciphers.aead",
    "shared.adapters.embedding.bert",
    "shared.guard.redact.stream",
    "structlog",
    "threadpoolctl",
    "tokenizers",
)
"""What requests need and nothing imports before the first of them: a restored snapshot has it for nothing."""


@contextmanager
def loading(*, late: bool) -> Iterator[None]:
    """Import and build within this. What is built then stays for good, so the collector neither looks at it while it
    grows, which takes a tenth of a start, nor ever after. With `late` what else requests need is loaded too."""
    gc.disable()
    try:
        yield
        for name in LATE if late else ():
            import_module(name)
    finally:
        gc.freeze()
        gc.enable()
