"""Files of tenants in a folder of the home: `objects/<bucket>/<tenant>/…`, for a home without Supabase Storage."""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from shared.core.faults import Conflict, NotYours, Unavailable
from shared.core.ids import TenantId
from shared.ports.objects import Act, Bucket, Entry, Link, check_body, checked, checked_prefix

_FOLDER = "~"
"""Ends a folder's name on disk, and is in no path: so that `a` and `a/b` can both be files, as in Storage."""


class FileObjects:
    """`ports.objects.Objects`. Nothing serves the folder, so there are no links."""

    def __init__(self, home: Path) -> None:
        """Nothing is made before the first file."""
        self._root = home / "objects"

    async def put(
        self,
        tenant: TenantId,
        bucket: Bucket,
        path: str,
        body: bytes,
        media_type: str,
        *,
        replace: bool = False,
    ) -> None:
        """See the port."""
        file = self._file(tenant, bucket, path)
        check_body(bucket, body, media_type)
        try:
            await asyncio.to_thread(_written, self._root / "new", file, body, replace)
        except FileExistsError:
            raise Conflict(f"There is a file '{path}' already.") from None
        except OSError as error:
            raise _unreachable(error) from error

    async def get(self, tenant: TenantId, bucket: Bucket, path: str) -> bytes:
        """See the port."""
        file = self._file(tenant, bucket, path)
        try:
            return await asyncio.to_thread(file.read_bytes)
        except FileNotFoundError:
            raise NotYours(f"There is no file '{path}'.") from None
        except OSError as error:
            raise _unreachable(error) from error

    async def delete(self, tenant: TenantId, bucket: Bucket, path: str) -> None:
        """See the port. Folders stay: they are no files."""
        file = self._file(tenant, bucket, path)
        try:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        except OSError as error:
            raise _unreachable(error) from error

    async def list(
        self, tenant: TenantId, bucket: Bucket, prefix: str = "", *, limit: int = 1000
    ) -> Sequence[Entry]:
        """See the port."""
        checked_prefix(tenant, prefix)
        root = self._root / bucket / f"{tenant}{_FOLDER}"
        try:
            return await asyncio.to_thread(_listed, root, prefix, limit)
        except OSError as error:
            raise _unreachable(error) from error

    async def link(self, tenant: TenantId, bucket: Bucket, path: str, act: Act) -> Link | None:
        """See the port."""
        try:
            there = await asyncio.to_thread(self._file(tenant, bucket, path).exists)
        except OSError as error:
            raise _unreachable(error) from error
        if act == "download" and not there:
            raise NotYours(f"There is no file '{path}'.")
        if act == "upload" and there:
            raise Conflict(f"There is a file '{path}' already.")
        return None

    def _file(self, tenant: TenantId, bucket: Bucket, path: str) -> Path:
        *folders, name = checked(tenant, path).split("/")
        return self._root.joinpath(bucket, *(folder + _FOLDER for folder in folders), name)


def _written(aside: Path, file: Path, body: bytes, replace: bool) -> None:
    """Written beside, then put in place in one step: a reader sees all of it or nothing."""
    aside.mkdir(parents=True, exist_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=aside)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(body)
            opened.flush()
            os.fsync(opened.fileno())
        if replace:
            fresh.replace(file)
        else:
            os.link(fresh, file)  # unlike a rename, refuses where one is there
    finally:
        fresh.unlink(missing_ok=True)


def _listed(root: Path, prefix: str, limit: int) -> tuple[Entry, ...]:
    fitting = sorted(path for path in _paths(root, "") if path.startswith(prefix))
    found = []
    for path in islice(fitting, limit):
        *folders, name = path.split("/")
        try:
            state = root.joinpath(*(folder + _FOLDER for folder in folders), name).stat()
        except FileNotFoundError:
            continue  # deleted as we looked
        found.append(Entry(path, state.st_size, datetime.fromtimestamp(state.st_mtime, UTC)))
    return tuple(found)


def _paths(folder: Path, above: str) -> Iterator[str]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _paths(Path(entry.path), f"{above}{entry.name.removesuffix(_FOLDER)}/")
            elif entry.is_file(follow_symlinks=False):
                yield above + entry.name


def _unreachable(error: OSError) -> Unavailable:
    return Unavailable(f"The folder of files can't be used: {error.strerror or error}.")
