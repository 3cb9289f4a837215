"""What is installed is what lies here, from a lock that names no address."""

import os
import re
import tomllib
from importlib.metadata import distributions
from importlib.util import find_spec

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.structure.tree import PRODUCT, ROOT, files

LOCKS = ("requirements.lock", "requirements-dev.lock")
EVERY_LOCK = (*LOCKS, "gpu/requirements.lock", "infra/vllm_cpu/requirements.lock")
MACHINE_PATH = re.compile(r"(?<![\w.~}\-])/(?:work|tmp|root|opt|Users|home/\w+|var/folders)/\w")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|npmjs\.(?:com|org)|crates\.io|proxy\.golang|rubygems\.org"
)
BINARY = {".png", ".ico", ".woff2", ".gz", ".jpg", ".svg"}


def pins(lock: str) -> dict[str, str]:
    """Canonical name to version of everything that a lock names."""
    text = (ROOT / lock).read_text("utf-8")
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE)
    }


@pytest.mark.parametrize("package", PRODUCT)
def test_a_package_is_ours(package: str) -> None:
    """`import shared` finds this repository's, and no other distribution brings one of that name."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.startswith(str(ROOT) + os.sep)


def test_no_dependency_brings_a_package_of_our_names() -> None:
    """No installed distribution but ours owns `shared`, `functions`, `gpu` or `infra`."""
    mine = re.compile(rf"^(?:{'|'.join(PRODUCT)})/", re.MULTILINE)
    rivals = {d.name for d in distributions() if mine.search(d.read_text("RECORD") or "")} - {"chatsmart"}
    assert not rivals


@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_a_lock_names_no_address(lock: str) -> None:
    """A lock holds names, versions, markers and hashes: where to fetch them is the machine's own affair."""
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"://|^-|index-url|find-links|trusted-host", text, re.MULTILINE)


@pytest.mark.parametrize("lock", EVERY_LOCK)
def test_a_lock_pins_everything_by_hash(lock: str) -> None:
    """Each requirement is an exact version with at least one SHA-256."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    loose = [line[:60] for line in lines if "==" not in line or "--hash=sha256:" not in line]
    assert lines
    assert not loose


def test_the_locks_agree() -> None:
    """What runs is what was tested: the smaller lock is part of the larger one, version for version."""
    run, dev = (pins(lock) for lock in LOCKS)
    assert run.items() <= dev.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_covers_what_the_project_asks_for(lock: str) -> None:
    """Every requirement of pyproject.toml is locked at a version that satisfies it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["build"]
    if "dev" in lock:
        asked += project["optional-dependencies"]["dev"]
    locked = pins(lock)
    wrong = []
    for text in asked:
        want = Requirement(text)
        version = locked.get(canonicalize_name(want.name), "")
        if not version or not want.specifier.contains(version, prereleases=True):
            wrong.append(f"{text}: {lock} has {version or 'nothing'}; run `make lock`")
    assert not wrong


def test_no_file_names_this_machine() -> None:
    """No path of one machine and no registry's host is written into any file of the project."""
    found = []
    for path in files():
        if path.suffix in BINARY:
            continue
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line", ["x = '/{}/main'".format("work"), "see /{}/x.py".format("tmp"), "pypi" + ".org/simple"]
)
def test_the_search_for_machine_names_can_fail(line: str) -> None:
    """The pattern sees what it looks for."""
    assert MACHINE_PATH.search(line) or REGISTRY.search(line)


def test_the_gate_can_be_run() -> None:
    """`.ci/run` is executable."""
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
