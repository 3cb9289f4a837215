"""Weights on a volume, fetched by a stand-in for the hub's client."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gpu.llamas import LLAMAS, Llama
from gpu.weights import PIN, WeightsFault, check, explained, fetch, folder

SMALL = replace(LLAMAS["llama-3.1-8b"], weights=1000)


class Hub:
    """Puts files of the given sizes; counts how often it was asked."""

    def __init__(self, **files: int) -> None:
        self.files = files or {"config.json": 10, "a.safetensors": 600, "b.safetensors": 400}
        self.asked = 0

    def __call__(self, llama: Llama, place: Path, dummy: bool) -> None:
        """Write the files."""
        self.asked += 1
        for name, size in self.files.items():
            if not (dummy and name.endswith(".safetensors")):
                (place / name).write_bytes(b"x" * size)
        (place / ".cache").mkdir(exist_ok=True)
        (place / ".cache" / "notes").write_text("of the hub's client")


def test_they_are_fetched_once(tmp_path: Path) -> None:
    """The second start finds them, checks them and asks nobody."""
    hub = Hub()
    place = fetch(SMALL, tmp_path, hub)
    assert place == fetch(SMALL, tmp_path, hub) == check(SMALL, tmp_path)
    assert hub.asked == 1
    pin = json.loads((place / PIN).read_text())
    assert pin["revision"] == SMALL.revision
    assert [name for name, _ in pin["files"]] == ["a.safetensors", "b.safetensors", "config.json"]


def test_none_is_a_fault_with_a_remedy(tmp_path: Path) -> None:
    """A server never fetches: it says what to run."""
    with pytest.raises(WeightsFault, match=r"not on the volume\. Run `modal run -m gpu\.app::weights`"):
        check(SMALL, tmp_path)


@pytest.mark.parametrize("harm", ["cut", "gone", "no-pin", "torn-pin"])
def test_what_is_not_whole_is_not_served_and_is_mended(tmp_path: Path, harm: str) -> None:
    """A file that is missing or shorter, or a download that never ended, is found at the start and fetched anew."""
    hub = Hub()
    place = fetch(SMALL, tmp_path, hub)
    if harm == "cut":
        (place / "a.safetensors").write_bytes(b"x" * 599)
    elif harm == "gone":
        (place / "b.safetensors").unlink()
    elif harm == "no-pin":
        (place / PIN).unlink()
    else:
        (place / PIN).write_text('{"repo": ')
    with pytest.raises(WeightsFault):
        check(SMALL, tmp_path)
    assert fetch(SMALL, tmp_path, hub) == check(SMALL, tmp_path)
    assert hub.asked == 2


def test_another_commit_is_another_folder(tmp_path: Path) -> None:
    """A changed pin never serves what lies there of the old one."""
    fetch(SMALL, tmp_path, Hub())
    newer = replace(SMALL, revision="0" * 40)
    with pytest.raises(WeightsFault, match="not on the volume"):
        check(newer, tmp_path)
    moved = folder(tmp_path, newer)
    folder(tmp_path, SMALL).rename(moved)
    with pytest.raises(WeightsFault, match=f"lies {SMALL.repo} at {SMALL.revision}, not"):
        check(newer, tmp_path)


def test_another_models_weights_are_noticed(tmp_path: Path) -> None:
    """A commit whose weights are not of the planned size does not fit what the GPU was chosen for."""
    with pytest.raises(WeightsFault, match="another model than the one that was planned for"):
        fetch(SMALL, tmp_path, Hub(**{"config.json": 1, "a.safetensors": 5000}))


def test_a_commit_without_a_configuration_is_no_model(tmp_path: Path) -> None:
    """It is refused before anything is started on it."""
    with pytest.raises(WeightsFault, match="no config"):
        fetch(SMALL, tmp_path, Hub(**{"a.safetensors": 1000}))


def test_random_weights_lie_apart(tmp_path: Path) -> None:
    """They need only the small files, and can't be taken for the real ones."""
    place = fetch(SMALL, tmp_path, Hub(), dummy=True)
    assert not list(place.glob("*.safetensors"))
    with pytest.raises(WeightsFault):
        check(SMALL, tmp_path)


class RepositoryNotFoundError(Exception):
    """As the hub's client calls it."""


class GatedRepoError(RepositoryNotFoundError):
    """A kind of the former there too."""


class RevisionNotFoundError(Exception):
    """As the hub's client calls it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (GatedRepoError("403"), "is gated: accept its licence"),
        (RepositoryNotFoundError("404"), "not for this token"),
        (RevisionNotFoundError("404"), f"has no commit {SMALL.revision}"),
        (OSError("disk full"), "OSError: disk full"),
    ],
)
def test_the_hubs_errors_say_what_to_do(error: Exception, words: str) -> None:
    """A licence that was not accepted, a wrong token, a wrong pin and anything else read differently."""
    assert words in explained(error, SMALL)
