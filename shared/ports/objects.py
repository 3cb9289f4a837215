"""Files of tenants: what people upload to be written from, and what is exported for them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

from shared.core.faults import BadRequest, TooLarge
from shared.core.ids import TenantId

Bucket = Literal["uploads", "exports"]
BUCKETS: tuple[Bucket, ...] = get_args(Bucket)
Act = Literal["upload", "download"]
LARGEST = 50 * 2**20
"""Bytes of one file."""
UPLOADABLE = frozenset(
    (
        "text/plain",
        "text/markdown",
        "text/csv",
        "application/json",
        "application/x-ndjson",
        "application/pdf",
        "application/zip",
        "application/octet-stream",
        "image/png",
        "image/jpeg",
        "image/webp",
    )
)
"""Media types that `uploads` takes; HTML and SVG are not among them, because a browser runs them."""
# A subset of what Storage takes. No `%`, which its client would decode once more than we do.
_SEGMENT = re.compile(r"[A-Za-z0-9_.@=+,()' -]{1,200}")
_LONGEST = 800


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its path inside the tenant's folder, its bytes, and when it was last written."""

    path: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """An address that does one thing with one file for whoever has it, for `seconds`. An upload is a PUT."""

    url: str
    seconds: int


class Objects(Protocol):
    """Files by tenant, bucket and path. The tenant is the first part of where a file lies, and is added here: a path
    is inside of the tenant's folder, and one that would leave it raises BadRequest.

    Every method raises Unavailable where the files can't be reached.
    """

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
        """Store it, whole or not at all. Raises Conflict where one is there and `replace` is not asked for, TooLarge
        past LARGEST, BadRequest for a media type that the bucket does not take."""
        ...

    async def get(self, tenant: TenantId, bucket: Bucket, path: str) -> bytes:
        """What it holds. Raises NotYours where there is none."""
        ...

    async def delete(self, tenant: TenantId, bucket: Bucket, path: str) -> None:
        """It is gone; where none was, nothing happens."""
        ...

    async def list(
        self, tenant: TenantId, bucket: Bucket, prefix: str = "", *, limit: int = 1000
    ) -> Sequence[Entry]:
        """The first `limit` files whose paths begin so, by path, at any depth."""
        ...

    async def link(self, tenant: TenantId, bucket: Bucket, path: str, act: Act) -> Link | None:
        """An address for a browser, so that a file's bytes do not pass through us. None where nothing serves such
        addresses: files kept in a home without Storage go through `put` and `get`.

        To download, raises NotYours where there is no such file; to upload, Conflict where there is one.
        """
        ...


def checked(tenant: TenantId, path: str) -> str:
    """Where a file lies in its bucket: `<tenant>/<path>`. Raises BadRequest for a path that is none."""
    _check(path.split("/"), path)
    return f"{tenant}/{path}"


def checked_prefix(tenant: TenantId, prefix: str) -> str:
    """The same for the beginning of a path, which may be empty and may end in the middle of a name."""
    *folders, last = prefix.split("/")
    _check([*folders, last or "x"], prefix)
    return f"{tenant}/{prefix}"


def check_body(bucket: Bucket, body: bytes, media_type: str) -> None:
    """Raises TooLarge or BadRequest for what the bucket does not take."""
    if len(body) > LARGEST:
        raise TooLarge(f"The file is over {LARGEST // 2**20} MiB.")
    if bucket == "uploads" and media_type not in UPLOADABLE:
        raise BadRequest(f"Files of the type '{media_type}' are not taken.", param="media_type")


def _check(segments: Sequence[str], path: str) -> None:
    if len(path) > _LONGEST or not all(
        _SEGMENT.fullmatch(part) and part.strip(" .") == part for part in segments
    ):
        raise BadRequest(
            "A path is names joined by '/', each of letters, digits and _ . @ = + , ( ) ' - or a space inside, "
            "none beginning or ending with a dot or a space.",
            param="path",
        )
