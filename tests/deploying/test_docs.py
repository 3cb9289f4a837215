"""docs/deploy.md and docs/operations.md: every command of theirs that can run here works, as it stands there."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from infra.deploying.commands import run
from infra.deploying.dotenv import parsed
from infra.deploying.journey import Journey, travel
from infra.deploying.lock import Lock
from infra.deploying.plane import Plane
from infra.deploying.preflight import PREFLIGHT, startable
from infra.deploying.smoke_key import smoke_key
from infra.deploying.stopped import Stopped
from infra.migrate import migrate
from shared.adapters.embedded.layout import postgres_binaries
from tests.deploying.conftest import Staging
from tests.deploying.orders import KEY, environ, order
from tests.deploying.test_command import settings
from tests.deploying.test_revision import git
from tests.flow.house import opened
from tests.flow.started import environment, started
from tests.stores import Addresses
from tests.structure.tree import ROOT

BIN = str(Path(sys.executable).parent)


def commands(page: str) -> list[str]:
    """The lines of a page's `sh` blocks, in order."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


DEPLOY, OPERATIONS = commands("deploy.md"), commands("operations.md")
AT_MODAL = [line for line in OPERATIONS if line.startswith("chatsmart deploy")]
DUMPS = [line for line in OPERATIONS if line.startswith(("pg_dump", "pg_restore"))]
FOLDERS = [line for line in OPERATIONS if ".chatsmart" in line]
STEPS = "preflight stores modal migrations deploy smoke".split()
ON_A_SERVER = [line for line in OPERATIONS if line not in {*AT_MODAL, *DUMPS, *FOLDERS}]


async def test_the_commands_that_deploy_work(staging: Staging, tmp_path: Path) -> None:
    """Environments, dry run, secrets, the first deploy, its first key, another deploy, status, rollback: one shell, in
    a folder with the settings file, from nothing."""
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    (tmp_path / ".env.staging").write_text(Path(settings(staging, tmp_path)).read_text())
    staging.plane.on_loop(
        lambda: [staging.plane.store.environments.pop(n) for n in ("staging", "production")]
    )
    staging.plane.on_loop(staging.plane.store.secrets.clear)
    later = [line for line in AT_MODAL if line not in DEPLOY and "rollback" not in line]
    lines = [
        *DEPLOY,
        *later,
        "echo CHATSMART_WARM=1 >> .env.staging",
        "chatsmart deploy --env staging --yes",
        *_with(AT_MODAL, "rollback"),
    ]
    env = environ(**staging.plane.env, GIT_DIR=str(tmp_path / ".git"), GIT_WORK_TREE=str(tmp_path))
    async with opened(staging.addresses, revision=git(tmp_path, "rev-parse", "HEAD")[:12]) as house:
        staging.serve(house.url)
        said = await bash(lines, {**env, "PATH": f"{BIN}{os.pathsep}{env['PATH']}"}, tmp_path)
    assert "v1 runs." in said
    done = [line[2:].split(":")[0] for line in said.splitlines() if line.startswith("✓ ")]
    assert [name for name in done if name in STEPS][:6] == STEPS
    assert "runs already as v1: nothing to ship" in said
    assert "hunter2" not in said
    now = staging.plane.app("chatsmart", "staging").now
    assert now.rolled_back_to == now.number - 2


def _with(lines: Sequence[str], word: str) -> list[str]:
    return [line for line in lines if word in line]


async def bash(lines: Sequence[str], env: Mapping[str, str], folder: Path) -> str:
    """What they print; each must end well."""
    script = "set -euo pipefail\n" + "\n".join(lines)
    ran = await run(["bash", "-c", script], env=env, cwd=folder, seconds=110)
    assert ran.code == 0, ran.words[-4000:]
    return ran.words


@pytest.mark.xdist_group("up")
def test_the_commands_for_a_server_and_its_folder_work(tmp_path: Path) -> None:
    """The kill switch, providers, doctor and audit; then the stopped home is copied, changed and put back."""
    home = tmp_path / ".chatsmart"
    env = {**environment(home), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    copies, puts_back = FOLDERS[:1], FOLDERS[1:]

    def shell(*lines: str) -> str:
        script = "set -euo pipefail\n" + "\n".join(lines)
        ran = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    with started(home, cwd=tmp_path):
        shell('chatsmart chat "Why does tea cool?" --model auto:cheap')
        shell(*ON_A_SERVER)
    shell(*copies)
    with started(home, cwd=tmp_path):
        shell('chatsmart keys create "after the copy"')
        assert "after the copy" in shell("chatsmart keys list")
    shell(*puts_back)
    with started(home, cwd=tmp_path):
        assert "after the copy" not in shell("chatsmart keys list")
        shell("chatsmart audit verify")


async def test_a_dump_becomes_a_database_that_works(addresses: Addresses, tmp_path: Path) -> None:
    """Dumped, restored into an empty database of the same server: nothing is left to migrate, and the app's role makes
    keys in it under its own policies."""
    name = f"restored_{os.getpid()}"
    there = addresses.admin.replace("/" + _database(addresses.admin), f"/{name}", 1)
    app = addresses.app.replace("/" + _database(addresses.app), f"/{name}", 1)
    admin = await asyncpg.connect(addresses.admin)
    try:
        await admin.execute(f"create database {name}")
        try:
            env = environ(DATABASE_ADMIN_URL=addresses.admin, RESTORED_ADMIN_URL=there)
            await bash(DUMPS, {**env, "PATH": f"{postgres_binaries()}{os.pathsep}{env['PATH']}"}, tmp_path)
            assert await migrate(there) == []
            async with smoke_key(app) as key:
                assert key.startswith("cs_")
        finally:
            await admin.execute(f"drop database if exists {name} with (force)")
    finally:
        await admin.close()


def _database(dsn: str) -> str:
    match = re.search(r"@[^/]*/([^?]+)", dsn)
    assert match is not None
    return match[1]


def example() -> dict[str, str]:
    """The settings file that docs/deploy.md shows, with the values that it leaves to be filled in: the keys."""
    text = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    match = re.search(r"^```ini\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert match is not None
    shown = {name: value.replace("…", "x" * 20) for name, value in parsed(match[1], "docs/deploy.md").items()}
    return {**shown, "CHATSMART_SECRET_KEY": KEY}


async def test_the_settings_file_of_the_page_passes_the_preflight() -> None:
    """As it stands there, the web that it makes can start."""
    made = replace(order(), file=example())
    said: list[str] = []
    await travel(Journey(made, Plane(made), Lock("", "staging"), said.append), [PREFLIGHT])
    assert re.fullmatch(r"✓ preflight: [^()]*go through \(\d+\.\d s\)", said[0])
    assert "sslmode=require" in made.secret["DATABASE_URL"]


def test_a_step_without_a_model_stops_the_preflight() -> None:
    """With every searching model off the web could not start, so nothing is deployed."""
    file = {name: value for name, value in example().items() if name != "PERPLEXITY_API_KEY"}
    with pytest.raises(
        Stopped, match="the pipeline article's step research belong to tiers that are off"
    ) as stopped:
        startable(replace(order(), file={**file, "PERPLEXITY_BASE_URL": "off"}))
    assert stopped.value.code == 2


def test_every_command_of_the_pages_is_run() -> None:
    """No line of the pages stands outside these tests."""
    assert len(OPERATIONS) == len(AT_MODAL) + len(DUMPS) + len(FOLDERS) + len(ON_A_SERVER)
    assert (len(DEPLOY), len(DUMPS), len(FOLDERS)) == (8, 2, 3)
    assert all(line.startswith("chatsmart ") for line in ON_A_SERVER)
