"""What README.md tells people to type works, typed into a started ChatSmart."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.started import Started, started
from tests.structure.tree import ROOT

README = (ROOT / "README.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
STARTED_BY_THE_FIXTURE = "make up"

pytestmark = pytest.mark.xdist_group("up")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A ChatSmart whose home is `.chatsmart` of its working directory, as for a reader of the README."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "examples").symlink_to(ROOT / "examples")
    with started(folder / ".chatsmart", cwd=folder) as running:
        yield running


def test_every_command_works(up: Started) -> None:
    """The console blocks run in order, in one shell, each ending with 0."""
    assert COMMANDS[0] == STARTED_BY_THE_FIXTURE
    lines = [command.replace(ADDRESS, up.url).replace("curl ", "curl -fsS ") for command in COMMANDS[1:]]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("CHATSMART_")}
    done = subprocess.run(
        ["bash", "-c", "set -euxo pipefail\n" + "\n".join(lines)],
        cwd=up.folder,
        env={**env, "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "identical" in done.stdout
    assert "event: finished" in done.stdout
    assert (up.folder / "tea.md").read_text("utf-8").startswith("# ")


def test_the_python_works(up: Started) -> None:
    """The Python block prints an answer."""
    (code,) = PYTHON
    code = code.replace(ADDRESS, up.url).replace("cs_…", up.key)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.split()) > 5


@pytest.mark.parametrize(
    "name", ["README.md", "ARCHITECTURE.md", "docs/decisions/README.md", "docs/add-a-pipeline.md"]
)
def test_every_link_leads_somewhere(name: str) -> None:
    """A relative link names a file that is there."""
    text = (ROOT / name).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_every_target_is_one() -> None:
    """A `make` target that the README names is one of the Makefile's."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for name in re.findall(r"make ([a-z-]+)", README) if not name.startswith("test-")}
    assert named - {"are"} <= targets
