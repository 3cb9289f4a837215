"""What every `ports.objects.Objects` promises: in memory, in a folder, in Supabase Storage."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from infra.simulator import supabase as double
from shared.adapters.clock import SystemClock
from shared.adapters.files import FileObjects
from shared.adapters.supabase.objects import StorageObjects
from shared.adapters.supabase.project import Project
from shared.core.faults import BadRequest, Conflict, Fault, NotYours, TooFast, TooLarge, Unavailable
from shared.core.ids import TenantId
from shared.fakes.objects import MemoryObjects
from shared.ports.objects import LARGEST, Objects


@pytest.fixture
async def supabase() -> AsyncIterator[double.Project]:
    """A project on loopback."""
    async with double.start() as project:
        yield project


@pytest.fixture
async def storage(supabase: double.Project) -> AsyncIterator[StorageObjects]:
    """Its files."""
    project = Project(supabase.url, supabase.service_key)
    yield StorageObjects(project)
    await project.close()


@pytest.fixture
def folder(tmp_path: Path) -> FileObjects:
    """A home's files."""
    return FileObjects(tmp_path)


@pytest.fixture
def memory() -> MemoryObjects:
    """The fake."""
    return MemoryObjects(SystemClock())


@pytest.fixture(params=["memory", "folder", "storage"])
def objects(request: pytest.FixtureRequest) -> Objects:
    """Nothing is in it."""
    found: Objects = request.getfixturevalue(request.param)
    return found


async def test_what_is_put_is_got(objects: Objects, tenant: TenantId) -> None:
    """Byte for byte, and a second one of the name only where it is meant to replace the first."""
    await objects.put(tenant, "uploads", "a/b c.txt", b"\x00one", "text/plain")
    assert await objects.get(tenant, "uploads", "a/b c.txt") == b"\x00one"
    with pytest.raises(Conflict):
        await objects.put(tenant, "uploads", "a/b c.txt", b"two", "text/plain")
    assert await objects.get(tenant, "uploads", "a/b c.txt") == b"\x00one"
    await objects.put(tenant, "uploads", "a/b c.txt", b"two", "text/plain", replace=True)
    assert await objects.get(tenant, "uploads", "a/b c.txt") == b"two"


async def test_a_file_may_have_a_folder_s_name(objects: Objects, tenant: TenantId) -> None:
    """Paths are names, not a tree."""
    await objects.put(tenant, "exports", "a", b"1", "text/html")
    await objects.put(tenant, "exports", "a/b", b"2", "text/html")
    assert [entry.path for entry in await objects.list(tenant, "exports")] == ["a", "a/b"]


async def test_what_is_deleted_is_gone(objects: Objects, tenant: TenantId) -> None:
    """And deleting it again is no error."""
    await objects.put(tenant, "exports", "a", b"1", "text/plain")
    for _ in range(2):
        await objects.delete(tenant, "exports", "a")
    with pytest.raises(NotYours):
        await objects.get(tenant, "exports", "a")


async def test_lists_are_by_beginning_and_in_order(objects: Objects, tenant: TenantId) -> None:
    """At any depth, in the middle of a name too, with what each holds, up to a limit."""
    for number, path in enumerate(("b/2", "b/1/x", "a", "b/10")):
        await objects.put(tenant, "uploads", path, b"." * number, "text/plain")
    found = await objects.list(tenant, "uploads", "b/1")
    assert [(entry.path, entry.size) for entry in found] == [("b/1/x", 1), ("b/10", 3)]
    assert all(entry.at.tzinfo for entry in found)
    assert [entry.path for entry in await objects.list(tenant, "uploads", limit=2)] == ["a", "b/1/x"]
    assert await objects.list(tenant, "exports") == ()


async def test_tenants_do_not_see_one_another(
    objects: Objects, tenant: TenantId, other_tenant: TenantId
) -> None:
    """The same path is another file."""
    await objects.put(tenant, "uploads", "a", b"mine", "text/plain")
    with pytest.raises(NotYours):
        await objects.get(other_tenant, "uploads", "a")
    await objects.delete(other_tenant, "uploads", "a")
    assert await objects.list(other_tenant, "uploads") == ()
    assert await objects.get(tenant, "uploads", "a") == b"mine"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "../x",
        "a/../../x",
        "a/./b",
        "a\\b",
        "%2e%2e/x",
        "a\n",
        "a\x00",
        "ä",
        "a" * 201,
    ],
)
async def test_a_path_that_leaves_the_tenant_is_refused(
    objects: Objects, tenant: TenantId, path: str
) -> None:
    """By every method, before anything is asked."""
    with pytest.raises(BadRequest):
        await objects.put(tenant, "uploads", path, b"", "text/plain")
    with pytest.raises(BadRequest):
        await objects.get(tenant, "uploads", path)
    with pytest.raises(BadRequest):
        await objects.delete(tenant, "uploads", path)
    with pytest.raises(BadRequest):
        await objects.link(tenant, "uploads", path, "upload")
    with pytest.raises(BadRequest):
        await objects.list(tenant, "uploads", f"{path}/x" if path else "/x")


async def test_what_a_browser_runs_is_not_taken(objects: Objects, tenant: TenantId) -> None:
    """Nor what is too large."""
    with pytest.raises(BadRequest):
        await objects.put(tenant, "uploads", "a.html", b"<script>", "text/html")
    with pytest.raises(TooLarge):
        await objects.put(tenant, "exports", "a", bytes(LARGEST + 1), "text/plain")
    assert await objects.list(tenant, "uploads") == ()


async def test_links_are_refused_alike(objects: Objects, tenant: TenantId) -> None:
    """To download what is not there, to upload over what is."""
    with pytest.raises(NotYours):
        await objects.link(tenant, "uploads", "a", "download")
    await objects.put(tenant, "uploads", "a", b"1", "text/plain")
    with pytest.raises(Conflict):
        await objects.link(tenant, "uploads", "a", "upload")


async def test_links_of_storage_work_until_they_expire(
    storage: StorageObjects, supabase: double.Project, tenant: TenantId
) -> None:
    """Without any key, for their file only."""
    upload = await storage.link(tenant, "uploads", "in b.txt", "upload")
    assert upload is not None
    async with httpx.AsyncClient() as browser:
        sent = await browser.put(upload.url, content=b"hello", headers={"content-type": "text/plain"})
        assert sent.status_code == 200
        assert await storage.get(tenant, "uploads", "in b.txt") == b"hello"
        link = await storage.link(tenant, "uploads", "in b.txt", "download")
        assert link is not None
        assert (await browser.get(link.url)).content == b"hello"
        assert (await browser.get(link.url.replace("in%20b", "other"))).status_code == 400
        supabase.ahead = link.seconds + 1
        refused = await browser.get(link.url)
        assert (refused.status_code, refused.json()["error"]) == (400, "InvalidJWT")


async def test_a_home_without_storage_has_no_links(folder: FileObjects, tenant: TenantId) -> None:
    """Nothing would serve them."""
    assert await folder.link(tenant, "uploads", "a", "upload") is None


async def test_long_lists_come_page_by_page(
    storage: StorageObjects, supabase: double.Project, tenant: TenantId
) -> None:
    """More than Storage gives at once."""
    project_files = {f"{number:04}" for number in range(1003)}
    for path in project_files:
        await storage.put(tenant, "exports", path, b"", "text/plain")
    found = await storage.list(tenant, "exports", limit=5000)
    assert [entry.path for entry in found] == sorted(project_files)
    assert sum(path.endswith("list-v2/exports") for _, path in supabase.seen) == 2


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        (double.Trouble(status=503), Unavailable),
        (double.Trouble(status=502, junk=True), Unavailable),
        (double.Trouble(status=429), TooFast),
        (double.Trouble(status=401), Unavailable),
    ],
)
async def test_a_storage_that_fails_says_so_plainly(
    storage: StorageObjects,
    supabase: double.Project,
    tenant: TenantId,
    trouble: double.Trouble,
    fault: type[Fault],
) -> None:
    """As a fault of ours, and the next call goes well."""
    supabase.troubles.append(trouble)
    with pytest.raises(fault):
        await storage.put(tenant, "uploads", "a", b"1", "text/plain")
    await storage.put(tenant, "uploads", "a", b"1", "text/plain")


async def test_a_wrong_key_is_named(supabase: double.Project, tenant: TenantId) -> None:
    """With the setting to look at; nobody else's file is read with the public one."""
    for key in ("sb_secret_wrong", supabase.anon_key):
        project = Project(supabase.url, key)
        with pytest.raises(Unavailable, match="SUPABASE_SERVICE_KEY"):
            await StorageObjects(project).put(tenant, "uploads", "a", b"1", "text/plain")
        await project.close()


async def test_what_the_project_lacks_is_named(
    storage: StorageObjects, supabase: double.Project, tenant: TenantId
) -> None:
    """A bucket that is missing, and one whose limit is lower than ours."""
    supabase.buckets["exports"]["file_size_limit"] = 3
    with pytest.raises(TooLarge):
        await storage.put(tenant, "exports", "a", b"1234", "text/plain")
    del supabase.buckets["exports"]
    with pytest.raises(Unavailable, match="chatsmart migrate"):
        await storage.put(tenant, "exports", "a", b"1", "text/plain")


async def test_a_project_that_is_not_there_is_unavailable(tenant: TenantId) -> None:
    """Whatever the reason."""
    for url in ("http://127.0.0.1:9", "nonsense"):
        project = Project(url, "key")
        with pytest.raises(Unavailable):
            await StorageObjects(project).get(tenant, "uploads", "a")
        await project.close()
