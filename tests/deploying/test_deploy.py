"""Whole deploys: Modal's own command on a plane of ours, real stores, the real app behind the printed address."""

import re
import time
from dataclasses import replace

import pytest

from infra.deploying import plan
from infra.deploying.order import Order, Wishes
from infra.deploying.plane import Plane
from infra.deploying.revision import Revision
from infra.deploying.stopped import Stopped
from infra.simulator import Fault
from shared.config import Deployment
from tests.deploying.conftest import Staging
from tests.deploying.orders import COMMIT
from tests.deploying.test_smoke import COLD, SICK, Answers, serving
from tests.flow.house import opened

HERE = COMMIT[:12]
NEXT = Revision("f" * 40)


async def test_a_deploy_goes_through(staging: Staging) -> None:
    """Preflight, stores, Modal, migrations, deploy, smoke: one line each, and no secret in any."""
    async with opened(staging.addresses, revision=HERE) as house:
        staging.serve(house.url)
        begun = time.monotonic()
        await plan.deploy(staging.order(Wishes(alive_seconds=5)), staging.said.append)
        seconds = time.monotonic() - begun
        assert [line.split(":")[0] for line in staging.said] == [f"✓ {step.name}" for step in plan.STEPS]
        assert staging.plane.app("chatsmart", "staging").now.tags == {"env": "staging", "revision": HERE}
    assert len(staging.tags) == 1
    assert "hunter2" not in "\n".join(staging.said)
    assert seconds < 40, "a deploy without an image to build takes a quarter of that"


async def test_a_release_that_fails_its_smoke_test_is_rolled_back(staging: Staging) -> None:
    """The version before runs again, and the message says what was undone."""
    async with opened(staging.addresses, revision=HERE) as house:
        staging.serve(house.url)
        await plan.deploy(staging.order(), staging.said.append)
        good = staging.order()
        staging.plane.on_loop(lambda: _an_older_one(staging))
        bad = replace(good, revision=NEXT, wishes=replace(good.wishes, alive_seconds=1))
        with pytest.raises(Stopped, match=r"✗ smoke: .*/healthz did not answer as ffffffffffff") as stopped:
            await plan.deploy(bad, staging.said.append)
    assert f"Rolled back: v3 is replaced by what v2 ({good.tag}) was." in str(stopped.value)
    app = staging.plane.app("chatsmart", "staging")
    assert app.now.rolled_back_to == 2
    assert app.now.functions["Web.*"].env["CHATSMART_REVISION"] == HERE
    await _rolled_by_hand(staging, good)


def _an_older_one(staging: Staging) -> None:
    """Let the version that was deployed be the second."""
    (app,) = staging.plane.store.apps.values()
    app.versions[:] = [replace(app.versions[0], tag="older"), replace(app.versions[0], number=2)]


async def _rolled_by_hand(staging: Staging, good: Order) -> None:
    """To a version that is there, also while the database is away, and by itself never to the one that has just failed;
    an unknown one is told with those there are."""
    away = replace(good, file={**good.file, "DATABASE_ADMIN_URL": "postgresql://x:y@127.0.0.1:9/x"})
    with pytest.raises(
        Stopped,
        match=r"There is no v7 to go back to in staging: v4 .*, v3 .*, v2 .*, v1 .*\n  v4 .* runs now",
    ):
        await plan.roll_back(away, staging.said.append, 7)
    with pytest.raises(Stopped, match="v4 is what runs in staging"):
        await plan.roll_back(away, staging.said.append, 4)
    await plan.roll_back(away, staging.said.append)
    told = "\n".join([*await plan.status(good)])
    assert told.startswith("staging: v5 runs.")
    assert re.search(r"v5  older  \S.* \(rollback to v1\)\n", told)
    assert re.search(rf"v4  {good.tag}  .* \(rollback to v2, gone back from\)\n", told)
    assert re.search(r"v3  ffffffffffff-\w+  .* \(gone back from\)\n", told)
    assert "(" not in told[told.index("v2  ") :]
    with pytest.raises(Stopped, match="no earlier version in staging that nobody went back from: v5 "):
        await plan.roll_back(away, staging.said.append)
    await Plane(good).stop()
    with pytest.raises(Stopped, match=r"The App is stopped in staging: .*\n  Nothing runs now"):
        await plan.roll_back(away, staging.said.append, 1)


async def test_a_first_release_that_fails_its_smoke_test_is_stopped(staging: Staging) -> None:
    """There is nothing to go back to, and jobs must not run on for a release that never worked; a later deploy starts
    afresh."""
    async with opened(staging.addresses, revision=HERE) as house:
        staging.serve(house.url)
        house.simulator.plan(Fault("status", status=401), times=None)
        with pytest.raises(Stopped, match="v1 was the first version: the App is stopped"):
            await plan.deploy(staging.order(), staging.said.append)
    assert staging.plane.app("chatsmart", "staging").stopped


@pytest.mark.parametrize("answers", [[SICK], [COLD]], ids=["sick", "cold"])
async def test_a_pool_decides_what_becomes_of_a_release(
    staging: Staging, answers: list[tuple[int, dict[str, str]]]
) -> None:
    """A pool without a replica goes on with a warning; one that stays sick takes the release back. The web is told
    where the pool is, and the weights are asked for."""
    asked = Answers(answers)
    pool = Deployment(llama_gpu="L4")
    async with opened(staging.addresses, revision=HERE) as house, serving(asked) as url:
        staging.serve(house.url)
        staging.plane.store.addresses["Llama"] = url
        order = staging.order(deployment=pool, LLAMA_API_KEY="wk-a:ws-b")
        if answers == [SICK]:
            with pytest.raises(Stopped, match="its engine is sick"):
                await plan.deploy(order, staging.said.append)
        else:
            await plan.deploy(order, staging.said.append)
    app = staging.plane.app("chatsmart", "staging")
    assert app.stopped == (answers == [SICK])
    assert any("no replica after 1 seconds" in line for line in staging.said) == (answers == [COLD])
    web = app.versions[1].functions["Web.*"].env
    assert (web["LLAMA_BASE_URL"], web["LLAMA_MODEL"]) == (f"{url}/v1", "llama-3.1-8b")
    assert app.versions[0].functions["Web.*"].env["LLAMA_BASE_URL"] == "off"
    assert "modal-key" in asked.asked[0].headers
    assert "FunctionMap" in staging.plane.called()
