"""The real `modal` command against a plane that works, and against planes that do not."""

import asyncio
import signal
import sys

import pytest

from infra.simulator.modal import Faults, Plane
from shared.config import REQUIRED
from tests.deploy.command import ENVIRONMENT, REVISION, ROOT, SECRETS, deploy, modal

SAMPLE = "tests.deploy.sample_app"


async def test_parts_deploy_alone_and_share_no_name(plane: Plane) -> None:
    """Functions and pool can each be deployed as an App of its own; no name is in both."""
    one = await deploy(plane, "functions.modal_app")
    other = await deploy(plane, "gpu.app", CHATSMART_LLAMA_GPU="L4")
    assert (one.code, other.code) == (0, 0), one.said + other.said
    functions = plane.app("chatsmart-functions", ENVIRONMENT).now.functions
    pool = plane.app("chatsmart-gpu", ENVIRONMENT).now.functions
    assert functions
    assert pool
    assert not functions.keys() & pool.keys()


async def test_versions_come_and_go_back(plane: Plane) -> None:
    """A second deploy is a second version under its tag; a rollback brings the first one back as a third."""
    first = await deploy(plane, "infra.deploy", "--tag", "one", "--strategy", "rolling")
    second = await deploy(plane, "infra.deploy", "--tag", "two", CHATSMART_REVISION="ba9876543210")
    assert (first.code, second.code) == (0, 0), first.said + second.said
    assert (await modal(plane, "app", "rollback", "chatsmart")).code == 0
    app = plane.app("chatsmart", ENVIRONMENT)
    assert [(one.number, one.tag, one.rolled_back_to) for one in app.versions] == [
        (1, "one", 0),
        (2, "two", 0),
        (3, "one", 1),
    ]
    assert [one.tags["revision"] for one in app.versions] == [REVISION, "ba9876543210", REVISION]
    history = await modal(plane, "app", "history", "chatsmart", "--json")
    assert "two" in history.said
    assert "chatsmart" in (await modal(plane, "app", "list")).said
    assert "chatsmart-gpu" in (await modal(plane, "secret", "list")).said
    assert "production" in (await modal(plane, "environment", "list")).said


async def test_a_missing_secret_stops_the_deploy(plane: Plane) -> None:
    """In an environment without the secret nothing is deployed, and the command says which secret."""
    ran = await deploy(plane, MODAL_ENVIRONMENT="production")
    assert ran.code != 0
    assert "chatsmart" in ran.said
    assert "not found" in ran.said
    assert plane.apps() == ()


async def test_a_secret_that_lacks_a_key_stops_the_deploy(plane: Plane) -> None:
    """A secret without one of the keys that `Settings` can't be without is refused, naming the key."""
    plane.secret("chatsmart", {name: "x" for name in REQUIRED if name != "REDIS_URL"}, ENVIRONMENT)
    ran = await deploy(plane)
    assert ran.code != 0
    assert "REDIS_URL" in ran.said
    assert plane.apps() == ()


async def test_an_environment_that_is_not_there_stops_the_deploy(plane: Plane) -> None:
    """A misspelt environment is named, and not made."""
    ran = await deploy(plane, "infra.deploy", "-e", "stagging")
    assert ran.code != 0
    assert "stagging" in ran.said
    assert plane.apps() == ()


async def test_a_refused_token_stops_the_deploy(plane: Plane) -> None:
    """A token that Modal does not know is named, its secret is not."""
    ran = await deploy(plane, MODAL_TOKEN_ID="ak-stranger", MODAL_TOKEN_SECRET="as-whispered")
    assert ran.code != 0
    assert "ak-stranger" in ran.said
    assert "as-whispered" not in ran.said


async def test_a_plane_that_is_down_stops_the_deploy(plane: Plane) -> None:
    """Where the plane is down for good the command gives up by itself, and says so."""
    plane.faults = Faults(unavailable=-1)
    ran = await deploy(plane, SAMPLE)
    assert ran.code != 0
    assert "is down" in ran.said
    assert plane.apps() == ()


async def test_a_plane_that_is_down_for_a_moment_is_waited_for(plane: Plane) -> None:
    """A few calls that find nobody are tried again: the deploy succeeds."""
    plane.faults = Faults(unavailable=2)
    ran = await deploy(plane, SAMPLE)
    assert ran.code == 0, ran.said


@pytest.mark.parametrize(
    ("mistake", "named"), [("gpu", "H900"), ("cron", "61 * * * *"), ("secret", "nobodys")]
)
async def test_what_only_modal_would_notice_stops_the_deploy(plane: Plane, mistake: str, named: str) -> None:
    """A GPU that does not exist, a crontab that can't be right, a secret of nobody: refused by name."""
    ran = await deploy(plane, SAMPLE, SAMPLE_MISTAKES=mistake)
    assert ran.code != 0
    assert named in ran.said
    assert plane.apps() == ()


async def test_a_gpu_that_does_not_exist_never_reaches_modal(plane: Plane) -> None:
    """The deployment itself refuses a kind of GPU that is not in our list, naming it."""
    ran = await deploy(plane, CHATSMART_LLAMA_GPU="H900")
    assert ran.code != 0
    assert "H900" in ran.said
    assert plane.called() == ()


@pytest.mark.parametrize(
    ("faults", "named"),
    [
        (Faults(image_build="uv pip install"), "uv pip install"),
        (Faults(function="write"), "write"),
        (Faults(publish=True), "published"),
    ],
    ids=["image", "function", "publish"],
)
async def test_a_deploy_that_fails_leaves_what_ran(plane: Plane, faults: Faults, named: str) -> None:
    """Whatever fails half-way: the command says what, and the version before goes on as it was."""
    assert (await deploy(plane)).code == 0
    before = plane.app("chatsmart", ENVIRONMENT)
    plane.faults = faults
    ran = await deploy(plane, CHATSMART_REVISION="ba9876543210")
    assert ran.code != 0
    assert named in ran.said
    assert plane.app("chatsmart", ENVIRONMENT) == before


async def test_the_plane_serves_a_shell() -> None:
    """`python -m infra.simulator.modal` prints what to export; a deploy with nothing else works, until Ctrl-C."""
    keys = ",".join(SECRETS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.simulator.modal", "--secret", f"{ENVIRONMENT}/chatsmart:{keys}"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            lines = [(await process.stdout.readline()).decode() for _ in range(5)]
        exported = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        assert exported.keys() == Plane().env.keys()
        with Plane() as other:
            assert (await deploy(other, **exported)).code == 0
            assert other.called() == ()
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
