"""The real `modal` command, in a process of its own, against a plane."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.simulator.modal import Plane
from shared.config import REQUIRED

ROOT = Path(__file__).resolve().parents[2]
SECRETS: Mapping[str, str] = dict.fromkeys(REQUIRED, "x")
ENVIRONMENT = "staging"
REVISION = "0123456789ab"
_SECONDS = 60.0


@dataclass(frozen=True)
class Ran:
    """How a command ended, and all that it said, on lines that were not broken."""

    code: int
    said: str


async def modal(plane: Plane, *words: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Ran:
    """Run `modal …` as a person would from the checkout."""
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "COLUMNS": "500",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "MODAL_ENVIRONMENT": ENVIRONMENT,
        "CHATSMART_ENV": ENVIRONMENT,
        "CHATSMART_REVISION": REVISION,
        **plane.env,
        **(env or {}),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "modal", *words),
        cwd=cwd,
        env=settings,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Ran(process.returncode or 0, out.decode("utf-8", "replace"))


async def deploy(plane: Plane, module: str = "infra.deploy", *words: str, **env: str) -> Ran:
    """`modal deploy -m MODULE`."""
    return await modal(plane, "deploy", "-m", module, *words, env=env)


def furnished() -> Plane:
    """A plane that is not started yet, with all the secrets that a deployment asks for."""
    plane = Plane()
    plane.secret("chatsmart", SECRETS, ENVIRONMENT)
    plane.secret("chatsmart-gpu", {"HF_TOKEN": "x"}, ENVIRONMENT)
    return plane
