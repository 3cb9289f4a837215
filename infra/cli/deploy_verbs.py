"""`chatsmart deploy …`: the options. What they do is imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import AsJson

app = typer.Typer(help="Ship to Modal.", rich_markup_mode=None, invoke_without_command=True)
Env = Annotated[str, typer.Option("--env", help="staging or production.")]
File = Annotated[
    Path | None,
    typer.Option("--env-file", help="The environment's settings and secrets.", show_default=".env.ENV"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]


@app.callback()
def deploy(  # noqa: PLR0913  # one option each
    ctx: typer.Context,
    env: Env = "staging",
    env_file: File = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and what it costs idle.")
    ] = False,
    yes: Yes = False,
    revision: Annotated[str, typer.Option(help="Refuse unless this commit is checked out.")] = "",
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP", help="preflight, migrations or smoke; may be repeated."),
    ] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Ship files that are not committed.")
    ] = False,
    write_secrets: Annotated[
        bool, typer.Option("--write-secrets", help="Set the secrets at Modal to what the file says.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Ship also what runs already.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave a release that fails its smoke test standing.")
    ] = False,
    pool_wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for the pool's first replica.")
    ] = 180.0,
    alive_wait: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for the web's first answer.")
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Check, migrate, deploy, test, and roll back where the test fails."""
    if ctx.invoked_subcommand is not None:
        return
    from infra.cli.deploy import deploy as run
    from infra.deploying.order import Wishes

    wishes = Wishes(
        skip=frozenset(skip or ()),
        allow_dirty=allow_dirty,
        write_secrets=write_secrets,
        again=again,
        keep=keep,
        pool_seconds=pool_wait,
        alive_seconds=alive_wait,
    )
    run(env, env_file, revision, wishes, dry_run=dry_run, yes=yes, as_json=as_json)


@app.command()
def rollback(
    env: Env = "staging",
    to: Annotated[
        str,
        typer.Option(metavar="VERSION", help="Like v12.", show_default="the last that nobody went back from"),
    ] = "",
    env_file: File = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let an earlier version run again. The database stays as it is."""
    from infra.cli.deploy import rollback as run

    run(env, env_file, to, yes=yes, as_json=as_json)


@app.command()
def status(env: Env = "staging", env_file: File = None, as_json: AsJson = False) -> None:
    """What runs, and what ran before."""
    from infra.cli.deploy import status as run

    run(env, env_file, as_json=as_json)


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose: the name of the tenant that is made.")],
    env: Env = "staging",
    operator: Annotated[bool, typer.Option("--operator", help="May also run the house.")] = False,
    env_file: File = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant and its first key, printed once. Each call makes a new tenant, whatever its name."""
    from infra.cli.deploy import key as run

    run(env, env_file, name, operator=operator, as_json=as_json)
