"""`chatsmart deploy` as a person types it, in processes of its own."""

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.deploying.commands import Ran, run
from tests.deploying.conftest import Staging
from tests.deploying.orders import environ
from tests.deploying.test_revision import ENV, git
from tests.flow.house import opened
from tests.structure.tree import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Mapping[str, str]:
    """What makes git see a clean checkout with one commit, whatever the real one's state."""
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    return {"GIT_DIR": str(tmp_path / ".git"), "GIT_WORK_TREE": str(tmp_path)}


def settings(staging: Staging, folder: Path) -> str:
    """A settings file for the stores of this test."""
    path = folder / "staging.env"
    path.write_text("".join(f"{name}='{value}'\n" for name, value in staging.order().file.items()))
    (folder / ".git" / "info" / "exclude").write_text("*\n")
    return str(path)


async def chatsmart(env: Mapping[str, str], *words: str) -> Ran:
    """The command, to its end."""
    return await run([sys.executable, "-m", "infra.cli", *words], env=env, cwd=ROOT, seconds=90)


async def test_a_dry_run_asks_nobody(staging: Staging, checkout: Mapping[str, str], tmp_path: Path) -> None:
    """The plan, the command, and what it costs idle; neither Modal nor a store is asked."""
    file = settings(staging, tmp_path)
    env = environ(**staging.plane.env, **checkout)
    ran = await chatsmart(env, "deploy", "--env-file", file, "--dry-run")
    assert ran.code == 0, ran.words
    assert "5. deploy: modal deploy -m infra.deploy" in ran.out
    assert "--strategy rolling" in ran.out
    assert re.search(r"an idle month: \d+\.\d\d dollars", ran.out)
    assert staging.plane.called() == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("DATABASE_URL=", "DATABASE_URL"),
        ("CHATSMART_SECRET_KEY='32 random bytes in URL-safe base64'", "CHATSMART_SECRET_KEY is no key"),
        ("CHATSMART_LLAMA_GPU=H900", "no GPU kind 'H900'"),
        ("PERPLEXITY_API_KEY=", "A provider that is not wanted is switched off: PERPLEXITY_BASE_URL=off.\n"),
        ("OPENAI_API_KEY='sk-…'", "OPENAI_API_KEY can't be sent"),
        ("SUPABASE_URL=foo", "SUPABASE_URL has to be an address"),
        ("CHATSMART_DOMAIN='http://x y'", "CHATSMART_DOMAIN has to be a name"),
        ("DATABASE_URL=foo", "DATABASE_URL has to begin with postgresql://"),
        ("DATABASE_ADMIN_URL=postgresql://a:b@c:6543/d", "DATABASE_ADMIN_URL names the transaction pooler"),
        ("REDIS_URL=upstash", "REDIS_URL has to begin with one of"),
        ("REDIS_URL=redis://127.0.0.1/0?foo=bar", "REDIS_URL: foo is not taken"),
    ],
)
async def test_a_dry_run_refuses_what_can_not_be_right(
    staging: Staging, checkout: Mapping[str, str], tmp_path: Path, line: str, told: str
) -> None:
    """A plan that a deploy would refuse at once is no plan; still nobody is asked."""
    file = Path(settings(staging, tmp_path))
    file.write_text(f"{file.read_text()}{line}\n")
    env = environ(**staging.plane.env, **checkout)
    ran = await chatsmart(env, "deploy", "--env-file", str(file), "--dry-run")
    assert (ran.code, told in ran.err, ran.out) == (2, True, ""), ran.words
    assert staging.plane.called() == ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--env", "prod"), "--env prod: it may be staging or production."),
        (("--skip", "deploy"), "--skip deploy: it may be migrations, preflight, smoke"),
        (("--revision", "cafe", "--yes"), "There is no revision 'cafe' here"),
        ((), "Nobody is there to say yes: pass --yes."),
        (("rollback", "--to", "last"), "a version looks like v12"),
    ],
)
async def test_what_is_asked_wrongly_is_told_in_a_line(
    staging: Staging, checkout: Mapping[str, str], tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    """Exit code 2, before anything is looked at."""
    file = settings(staging, tmp_path)
    command = (*words, "--env-file", file) if words[:1] == ("rollback",) else ("--env-file", file, *words)
    ran = await chatsmart(environ(**staging.plane.env, **checkout), "deploy", *command)
    assert (ran.code, told in ran.err) == (2, True), ran.words
    assert "Traceback" not in ran.err
    assert staging.plane.called() == ()


async def test_a_dirty_tree_is_refused(staging: Staging, checkout: Mapping[str, str], tmp_path: Path) -> None:
    """Files that are not committed go out on purpose only."""
    file = settings(staging, tmp_path)
    (tmp_path / ".git" / "info" / "exclude").write_text("staging.env\n")
    (tmp_path / "new.py").write_text("")
    ran = await chatsmart(environ(**staging.plane.env, **checkout), "deploy", "--env-file", file, "--yes")
    assert ran.code == 2
    assert "new.py. Commit them, or deploy them as they are with --allow-dirty." in ran.err


async def test_a_program_that_takes_too_long_is_ended_with_all_it_started() -> None:
    """Its time limit holds, and what it printed until then is kept."""
    command = ["bash", "-c", "echo begun; sleep 60 & sleep 60"]
    async with asyncio.timeout(15):
        ran = await run(command, env=ENV, cwd=ROOT, seconds=0.5)
    assert (ran.late, ran.out) == (True, "begun\n")


async def test_the_first_key_of_an_environment_opens_it(
    staging: Staging, checkout: Mapping[str, str], tmp_path: Path
) -> None:
    """`chatsmart deploy key --operator` prints a key alone, and the app takes it for an operator's."""
    file = settings(staging, tmp_path)
    ran = await chatsmart(environ(), "deploy", "key", "Tea house", "--operator", "--env-file", file)
    assert ran.code == 0, ran.words
    async with opened(staging.addresses) as house, house.client(ran.out.strip()) as client:
        assert (await client.get("/v1/operator/providers")).status_code == 200
        assert (await client.get("/v1/keys")).json()["data"][0]["name"] == "Tea house"
