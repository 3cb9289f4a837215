"""Files of tenants in Supabase Storage."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.adapters.supabase.project import Project, translated
from shared.core.ids import TenantId
from shared.ports.objects import Act, Bucket, Entry, Link, check_body, checked, checked_prefix

if TYPE_CHECKING:
    from storage3._async.file_api import AsyncBucketProxy

_SECONDS = {"download": 300, "upload": 7_200}
"""How long a link holds. Storage knows no other span for uploads."""
_PAGE = 1_000
"""Storage gives no more at once."""


class StorageObjects:
    """`ports.objects.Objects`. With the service key, so that the port's own check is what keeps tenants apart here."""

    def __init__(self, project: Project) -> None:
        self._project = project

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
        key = checked(tenant, path)
        check_body(bucket, body, media_type)
        files = await self._files(bucket)
        with translated(f"The file '{path}'"):
            await files.upload(
                key, body, {"content-type": media_type, "upsert": "true" if replace else "false"}
            )

    async def get(self, tenant: TenantId, bucket: Bucket, path: str) -> bytes:
        """See the port."""
        key, files = checked(tenant, path), await self._files(bucket)
        with translated(f"The file '{path}'"):
            return await files.download(key)

    async def delete(self, tenant: TenantId, bucket: Bucket, path: str) -> None:
        """See the port."""
        key, files = checked(tenant, path), await self._files(bucket)
        with translated(f"The file '{path}'"):
            await files.remove([key])

    async def list(
        self, tenant: TenantId, bucket: Bucket, prefix: str = "", *, limit: int = 1000
    ) -> Sequence[Entry]:
        """See the port."""
        start, files = checked_prefix(tenant, prefix), await self._files(bucket)
        found: list[Entry] = []
        cursor: str | None = None
        while len(found) < limit:
            with translated("The list of files"):
                page = await files.list_v2(
                    {
                        "prefix": start,
                        "limit": min(limit - len(found), _PAGE),
                        **({"cursor": cursor} if cursor else {}),
                    }
                )
            for each in page.objects:
                place = each.key or each.name
                size = int((each.metadata or {}).get("size", 0))
                found.append(Entry(place.removeprefix(f"{tenant}/"), size, each.updated_at))
            cursor = page.nextCursor
            if not page.hasNext or not cursor:
                break
        return tuple(found)

    async def link(self, tenant: TenantId, bucket: Bucket, path: str, act: Act) -> Link | None:
        """See the port."""
        key, files = checked(tenant, path), await self._files(bucket)
        with translated(f"The file '{path}'"):
            if act == "upload":
                signed = await files.create_signed_upload_url(key)
                return Link(signed["signed_url"], _SECONDS[act])
            answer = await files.create_signed_url(key, _SECONDS[act])
            url = answer["signedUrl"]
            if url is None:
                raise ValueError("no address")
        return Link(url, _SECONDS[act])

    async def _files(self, bucket: Bucket) -> "AsyncBucketProxy":
        return (await self._project.client()).storage.from_(bucket)
