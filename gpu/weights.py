"""Weights on the volume: fetched once at a pinned commit, checked at each start, never fetched by a server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from gpu.llamas import Llama

PIN = "pin.json"
SMALL = ("*.json", "*.jinja", "*.txt", "tokenizer*")
"""Everything but the weights: enough for a server with random ones."""
Download = Callable[[Llama, Path, bool], None]
"""Puts the files of the model's commit into a folder; the flag leaves the weights themselves out."""


class WeightsFault(RuntimeError):
    """The weights are not there, not all there, not the pinned ones, or can't be fetched; the message says which and
    what to do."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What lies in a folder of weights: written last, so that a folder without it was never finished."""

    repo: str
    revision: str
    files: tuple[tuple[str, int], ...]
    """Each file's name and its size in bytes."""


def folder(root: Path, llama: Llama, *, dummy: bool = False) -> Path:
    """Where the model's files lie: commits never share a folder, and neither do real weights and none."""
    return root / llama.name / (f"{llama.revision}-dummy" if dummy else llama.revision)


def fetch(llama: Llama, root: Path, download: "Download | None" = None, *, dummy: bool = False) -> Path:
    """Make sure of the model's files, and return their folder; nothing is fetched where they lie already. Raises
    WeightsFault."""
    place = folder(root, llama, dummy=dummy)
    try:
        return check(llama, root, dummy=dummy)
    except WeightsFault:
        place.mkdir(parents=True, exist_ok=True)
        (place / PIN).unlink(missing_ok=True)
    (download or from_hub)(llama, place, dummy)
    files = tuple(sorted((str(path.relative_to(place)), path.stat().st_size) for path in _files(place)))
    if not any(name.endswith("config.json") for name, _ in files):
        raise WeightsFault(f"{llama.repo} at {llama.revision} has no config.json: it is no model.")
    pin = {"repo": llama.repo, "revision": llama.revision, "files": files}
    (place / PIN).write_text(json.dumps(pin, indent=1), "utf-8")
    return check(llama, root, dummy=dummy)


def check(llama: Llama, root: Path, *, dummy: bool = False) -> Path:
    """The folder of the model's files, each there at its size. Raises WeightsFault."""
    place = folder(root, llama, dummy=dummy)
    remedy = "Run `modal run -m gpu.app::weights`."
    pin = _pin(place)
    if pin is None:
        raise WeightsFault(f"The weights of {llama.name} are not on the volume. {remedy}")
    if (pin.repo, pin.revision) != (llama.repo, llama.revision):
        raise WeightsFault(
            f"On the volume lies {pin.repo} at {pin.revision}, not {llama.repo} at {llama.revision}. {remedy}"
        )
    for name, size in pin.files:
        path = place / name
        if not path.is_file() or path.stat().st_size != size:
            raise WeightsFault(f"{name} of {llama.name} is not as it was fetched. {remedy}")
    heavy = sum(size for name, size in pin.files if name.endswith(".safetensors"))
    if not dummy and not 0.9 < heavy / llama.weights < 1.1:
        raise WeightsFault(
            f"{llama.repo} has {heavy / 1e9:.1f} GB of weights where {llama.weights / 1e9:.1f} were expected:"
            " it is another model than the one that was planned for."
        )
    return place


def from_hub(llama: Llama, place: Path, dummy: bool) -> None:
    """Fetch from the model hub, with the token that its client finds for itself. Raises WeightsFault."""
    hub: Any = import_module("huggingface_hub")
    try:
        hub.snapshot_download(
            llama.repo,
            revision=llama.revision,
            local_dir=str(place),
            allow_patterns=[*SMALL, *([] if dummy else ["*.safetensors"])],
        )
    except Exception as error:
        raise WeightsFault(explained(error, llama)) from error


def explained(error: Exception, llama: Llama) -> str:
    """What a person reads of the hub client's error; it is known by its name, since the client is not installed where
    this is tested."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in kinds:
        return (
            f"{llama.repo} is gated: accept its licence on the hub with the account of the token, and put that token"
            " into the secret 'chatsmart-gpu' as HF_TOKEN."
        )
    if "RevisionNotFoundError" in kinds:
        return f"{llama.repo} has no commit {llama.revision}: the pin in gpu/llamas.py is wrong, or it was removed."
    if "RepositoryNotFoundError" in kinds:
        return f"{llama.repo} is not there, or not for this token (HF_TOKEN in the secret 'chatsmart-gpu')."
    return f"{llama.repo} could not be fetched: {type(error).__name__}: {error}"


def _files(place: Path) -> list[Path]:
    """Everything that was fetched; the hub client's own notes lie in a hidden folder."""
    return [
        path
        for path in place.rglob("*")
        if path.is_file() and path.name != PIN and ".cache" not in path.relative_to(place).parts
    ]


def _pin(place: Path) -> Pin | None:
    try:
        found = json.loads((place / PIN).read_text("utf-8"))
        files = tuple((str(name), int(size)) for name, size in found["files"])
        return Pin(str(found["repo"]), str(found["revision"]), files)
    except (OSError, ValueError, KeyError, TypeError):
        return None
