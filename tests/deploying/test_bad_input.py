"""What can be wrong before and in the middle of a deploy: told clearly, and nothing is half done."""

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from infra.deploying import migrating, plan
from infra.deploying.checks import MODAL, STORES
from infra.deploying.journey import Journey, Step, travel
from infra.deploying.lock import Lock
from infra.deploying.order import Order, Wishes
from infra.deploying.plane import Plane
from infra.deploying.preflight import PREFLIGHT
from infra.deploying.shipping import DEPLOY
from infra.deploying.stopped import Stopped
from infra.migrate import found
from infra.simulator.modal import Faults
from shared.config import Deployment
from tests.deploying.conftest import Staging
from tests.deploying.orders import environ, without
from tests.stores import Addresses


def journey(staging: Staging, order: Order | None = None) -> Journey:
    """A deploy that has not begun."""
    made = order or staging.order()
    return Journey(made, Plane(made), Lock(made.file["DATABASE_ADMIN_URL"], made.env), staging.said.append)


async def test_missing_secrets_stop_it_before_anything_is_changed(staging: Staging) -> None:
    """The exact command is told, and no value."""
    staging.plane.secret("chatsmart", {"DATABASE_URL": "x"}, "staging")
    with pytest.raises(Stopped, match="lacks REDIS_URL, SUPABASE_URL") as stopped:
        await plan.deploy(staging.order(), staging.said.append)
    assert "modal secret create chatsmart" in str(stopped.value)
    assert "hunter2" not in str(stopped.value)
    assert staging.tags == []


async def test_secrets_are_written_on_demand_without_the_deployer_s_own(staging: Staging) -> None:
    """`--write-secrets` sets all of the file but what only the deployer needs, and tells names alone."""
    order = staging.order(Wishes(write_secrets=True))
    await travel(journey(staging, order), [MODAL])
    assert staging.plane.values("chatsmart", "staging") == order.secret
    assert "DATABASE_ADMIN_URL" not in order.secret
    assert "hunter2" not in "\n".join(staging.said)


async def test_an_environment_that_is_not_there_is_told_with_its_command(staging: Staging) -> None:
    """Deploying makes no environment by itself."""
    staging.plane.on_loop(lambda: staging.plane.store.environments.pop("staging"))
    with pytest.raises(Stopped, match="has no environment 'staging'") as stopped:
        await travel(journey(staging), [MODAL])
    assert "modal environment create staging" in str(stopped.value)


async def test_a_refused_token_is_told_with_the_remedy(staging: Staging) -> None:
    """Not by a stack trace."""
    staging.plane.faults = Faults(bad_token=True)
    with pytest.raises(Stopped, match=r"Modal refuses the token.*\n.*modal token new"):
        await travel(journey(staging), [MODAL])


async def test_a_plane_that_nobody_reaches_is_told_at_once(staging: Staging) -> None:
    """Modal's own client would try on for minutes."""
    order = staging.order()
    away = replace(order, environ={**order.environ, "MODAL_SERVER_URL": "http://127.0.0.1:9"})
    async with asyncio.timeout(10):
        with pytest.raises(Stopped, match=r"can't be reached at http://127\.0\.0\.1:9"):
            await travel(journey(staging, away), [MODAL])
        with pytest.raises(Stopped, match=r"can't be reached at http://127\.0\.0\.1:9"):
            await plan.roll_back(away, staging.said.append)


async def test_secrets_that_were_not_written_are_not_said_to_stay(staging: Staging) -> None:
    """What stays is named, and nothing else is."""
    order = staging.order(Wishes(write_secrets=True), Deployment(llama_gpu="L4"))
    with pytest.raises(Stopped, match="has no HF_TOKEN: the secret 'chatsmart-gpu' needs it") as stopped:
        await travel(journey(staging, order), [MODAL])
    assert "Secrets stay as they were written: chatsmart;" in str(stopped.value)
    lacking = without(staging.order(Wishes(write_secrets=True)), "REDIS_URL")
    with pytest.raises(Stopped, match="has no REDIS_URL") as stopped:
        await travel(journey(staging, lacking), [MODAL])
    assert "stay" not in str(stopped.value)


@pytest.mark.parametrize(
    ("deployment", "told"),
    [
        (Deployment(llama_gpu="H900"), "no GPU kind 'H900'"),
        (Deployment(llama_gpu="L4", llama_model="llama-3.3-70b"), "fits on"),
    ],
)
async def test_a_gpu_that_does_not_exist_or_is_too_small_stops_the_preflight(
    staging: Staging, deployment: Deployment, told: str
) -> None:
    """Modal's client would take either; here it is found out without the cloud."""
    order = staging.order(Wishes(), deployment, LLAMA_API_KEY="wk-a:ws-b")
    with pytest.raises(Stopped, match=told):
        await travel(journey(staging, order), [PREFLIGHT])
    assert staging.plane.called() == ()


async def test_stores_that_do_not_answer_are_named_without_their_passwords(staging: Staging) -> None:
    """Host and setting, never the password."""
    order = staging.order()
    for name, url in (
        ("DATABASE_ADMIN_URL", "postgresql://postgres:hunter2@127.0.0.1:9/x"),
        ("REDIS_URL", "redis://:hunter2@127.0.0.1:9"),
    ):
        with pytest.raises(Stopped, match=rf"{name}.* 127\.0\.0\.1:9.* can't be") as stopped:
            await plan.deploy(replace(order, file={**order.file, name: url}), staging.said.append)
        assert "hunter2" not in str(stopped.value)
    assert staging.plane.called() == ()


async def test_a_second_deploy_at_the_same_time_is_refused(staging: Staging) -> None:
    """Before Modal is asked anything."""
    first = Lock(staging.addresses.admin, "staging")
    await first.take()
    try:
        with pytest.raises(Stopped, match="Another deploy of staging is going on"):
            await plan.deploy(staging.order(), staging.said.append)
    finally:
        await first.free()
    assert staging.plane.called() == ()


async def _count(addresses: Addresses, table: str) -> int:
    admin = await asyncpg.connect(addresses.admin)
    try:
        return int(await admin.fetchval("select count(*) from pg_class where relname = $1", table))
    finally:
        await admin.close()


async def test_a_migration_that_fails_half_way_leaves_nothing_of_itself_and_deploys_nothing(
    staging: Staging, tmp_path: Path
) -> None:
    """What came before it stays and is told by name; of the file itself nothing is there."""
    for one in found():
        (tmp_path / one.path.name).write_text(one.sql)
    (tmp_path / "29990101000000_before.sql").write_text("create table public.halfway_before (a int);")
    (tmp_path / "29990101000001_broken.sql").write_text(
        "create table public.halfway_broken (a int);\nselect no_such_function();"
    )
    step = replace(migrating.MIGRATIONS, do=lambda journey: migrating.apply(journey, tmp_path))
    try:
        with pytest.raises(Stopped, match=r"(?s)broken\.sql, line 2: .*Nothing of this file") as stopped:
            await travel(journey(staging), [step, DEPLOY])
        assert "The migrations stay: 29990101000000_before.sql" in str(stopped.value)
        assert await _count(staging.addresses, "halfway_before") == 1
        assert await _count(staging.addresses, "halfway_broken") == 0
        assert staging.plane.called() == ()
    finally:
        await _forget(staging.addresses)


async def _forget(addresses: Addresses) -> None:
    """Other tests use this database: what was applied here is taken back."""
    admin = await asyncpg.connect(addresses.admin)
    try:
        await admin.execute("drop table if exists public.halfway_before")
        for table in ("supabase_migrations.schema_migrations", "chatsmart_migrations.checksums"):
            await admin.execute(f"delete from {table} where version like '2999%'")
    finally:
        await admin.close()


async def test_a_database_that_restarts_meanwhile_is_waited_for(staging: Staging) -> None:
    """Every session of the database ends while Modal builds: the lock is taken again, and the steps after go on."""

    async def restart(_: Journey) -> str:
        admin = await asyncpg.connect(staging.addresses.admin)
        try:
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        finally:
            await admin.close()
        return "all sessions ended"

    async def held(there: Journey) -> str:
        with pytest.raises(Stopped, match="Another deploy"):
            await Lock(staging.addresses.admin, "staging").take()
        return "still ours" if there.lock.held else "lost"

    begun = journey(staging)
    await begun.lock.take()
    steps = [Step("restart", "", restart), migrating.MIGRATIONS, Step("look", "", held)]
    await travel(begun, steps)
    assert any(line.startswith("✓ look: still ours") for line in staging.said)
    assert any("were applied before" in line for line in staging.said)


async def test_ctrl_c_while_modal_deploys_leaves_what_ran(staging: Staging) -> None:
    """The command is ended, and it is found out whether it had published: nothing, here."""
    order = staging.order()
    await travel(journey(staging, order), [MODAL, DEPLOY])
    assert len(staging.tags) == 1
    staging.plane.faults = Faults(slow=0.5)
    later = staging.order(deployment=Deployment(warm=1))
    called = len(staging.plane.called())
    work = asyncio.create_task(travel(journey(staging, later), [MODAL, DEPLOY]))
    while "FunctionPrecreate" not in staging.plane.called()[called:]:  # noqa: ASYNC110  # it runs in another process
        await asyncio.sleep(0.05)
    staging.plane.faults = Faults()
    work.cancel()
    with pytest.raises(Stopped, match="Stopped on your order") as stopped:
        await work
    assert "Nothing was published: v1 runs on." in str(stopped.value)
    assert staging.tags == [order.tag]


async def test_what_modal_refuses_is_told_in_its_own_words(staging: Staging) -> None:
    """An image that does not build, an App that can't be published: the end of the command's output."""
    staging.plane.faults = Faults(publish=True)
    with pytest.raises(Stopped, match=r"`modal deploy` failed:\n") as stopped:
        await travel(journey(staging), [DEPLOY])
    assert "Nothing was published." in str(stopped.value)
    assert staging.tags == []


def test_the_tests_see_no_setting_of_this_machine() -> None:
    """A developer's own token or stores are no part of a test."""
    assert not [name for name in environ() if name.startswith(("MODAL_TOKEN", "DATABASE_"))]


async def test_another_environment_s_database_is_refused(staging: Staging) -> None:
    """What names production's database can't be deployed as staging; each deploy says whose a new one is."""
    steps = [STORES, migrating.MIGRATIONS]
    await travel(journey(staging), steps)
    admin = await asyncpg.connect(staging.addresses.admin)
    try:
        assert await admin.fetchval("select name from chatsmart_migrations.environment") == "staging"
        await admin.execute("update chatsmart_migrations.environment set name = 'production'")
        with pytest.raises(Stopped, match="is that of production, and --env says staging"):
            await travel(journey(staging), steps)
    finally:
        await admin.execute("drop table chatsmart_migrations.environment")
        await admin.close()
