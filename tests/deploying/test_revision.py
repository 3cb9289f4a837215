"""What would be shipped."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.deploying.revision import found
from infra.deploying.stopped import Stopped

ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.com",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.com",
}


def git(root: Path, *words: str) -> str:
    """Git in a checkout."""
    return subprocess.run(
        ["git", *words], cwd=root, env=ENV, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with two commits."""
    git(tmp_path, "init", "-q", "-b", "main")
    for text in ("one", "two"):
        (tmp_path / "file.py").write_text(text)
        git(tmp_path, "add", "file.py")
        git(tmp_path, "commit", "-q", "-m", text)
    return tmp_path


async def test_a_clean_checkout_is_named_by_its_commit(root: Path) -> None:
    """The name is the commit's first twelve digits."""
    revision = await found(root, ENV)
    assert revision.name == git(root, "rev-parse", "HEAD")[:12]
    assert await found(root, ENV, "main") == revision


async def test_changed_files_are_refused_and_when_allowed_have_a_name_of_their_own(root: Path) -> None:
    """A dirty tree is deployed only on purpose, and two different ones never share a name."""
    (root / "file.py").write_text("three")
    (root / "new.py").write_text("new")
    with pytest.raises(Stopped, match=r"file\.py, new\.py\. Commit them"):
        await found(root, ENV)
    first = await found(root, ENV, allow_dirty=True)
    (root / "file.py").write_text("four")
    second = await found(root, ENV, allow_dirty=True)
    assert first.name != second.name
    assert "-dirty." in first.name


async def test_a_revision_that_nobody_knows_is_refused(root: Path) -> None:
    """An unknown revision is told as such, before anything is looked at."""
    with pytest.raises(Stopped, match="There is no revision 'cafe' here"):
        await found(root, ENV, "cafe")


async def test_a_revision_that_is_not_checked_out_is_refused(root: Path) -> None:
    """What is shipped is what lies here, so another commit must be checked out first."""
    with pytest.raises(Stopped, match="git checkout HEAD~1"):
        await found(root, ENV, "HEAD~1")


async def test_a_folder_without_history_is_refused(tmp_path: Path) -> None:
    """What has no name can't be gone back to."""
    with pytest.raises(Stopped, match="no git checkout"):
        await found(tmp_path, {**ENV, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
