"""docs/migrating.md: every command of the page works, in the page's order, on a running product."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator

import pytest

from infra.simulator import start
from shared.adapters.sealed import fresh_key
from tests.flow.house import House, opened
from tests.stores import Addresses
from tests.structure.tree import ROOT

PAGE = (ROOT / "docs" / "migrating.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture
async def house(addresses: Addresses) -> AsyncIterator[House]:
    async with opened(addresses, secret_key=fresh_key()) as found:
        yield found


async def chatsmart(house: House, line: str) -> str:
    """What a command prints. It must end well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.cli", *shlex.split(line)[1:]),
        env={**os.environ, "CHATSMART_URL": house.url, "CHATSMART_KEY": house.key},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, f"{line}: {out.decode()}"
    return out.decode()


async def test_the_page_works_as_it_stands(house: House) -> None:
    """Set, named, compared, moved, ended: only the old path's address is another one here."""
    said: dict[str, str] = {}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say something about tea."}]}
    async with start() as old, house.client() as client:
        for line in COMMANDS:
            said[line] = await chatsmart(house, line.replace("https://api.example.com/v1", old.url("openai")))
            if "--shadow" in line:
                await client.post("/v1/chat/completions", json=body | {"model": "gpt-6-luna"})
                await asyncio.sleep(0.5)
                await house.services.cutover.recorder.flush()
            if line.endswith("--serve 100 --mirror 1"):
                answer = await client.post("/v1/chat/completions", json=body)
                assert answer.headers["x-chatsmart-model"] == "gpt-6.1-terra"
        assert (await client.get("/v1/cutover")).status_code == 404
    assert "Too few to judge" in said["chatsmart cutover report"]
    assert "gpt-4o is gpt-6.1-terra here" in said["chatsmart cutover set --shadow 5"]
    assert "answers 10 %, the old path 90 %" in said["chatsmart cutover set --serve 10"]
    assert "sk-the-old-paths-key" not in "".join(said.values())
    assert len(COMMANDS) == 9
