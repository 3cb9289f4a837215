"""`chatsmart retention …`: the verbs' options. What they do is imported when one is called."""

from typing import Annotated

import typer

from infra.cli.options import AsJson, Key, Url

app = typer.Typer(
    help="What is kept, for how long, and what must not go.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("show")
def show(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show the rules in force, what is due next, and legal holds."""
    from infra.cli.retention import show as run

    run(as_json=as_json, url=url, key=key)


@app.command("sweep")
def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is due.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Remove what is due of all tenants, to the end. For operators."""
    from infra.cli.retention import sweep as run

    run(dry_run=dry_run, as_json=as_json, url=url, key=key)


@app.command("erase")
def erase(
    run_id: Annotated[
        str, typer.Argument(metavar="ID", help="doc_… or chat_…; last is the newest document.")
    ],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Remove the words of one document or chat now; its figures and tombstones stay."""
    from infra.cli.retention import erase as run

    run(run_id, as_json=as_json, url=url, key=key)


@app.command("hold")
def hold(
    reason: Annotated[str, typer.Argument(help="Why; others will read it.")],
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="ID", help="Only this run; left out: everything.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Put a legal hold: nothing of it expires or can be deleted until it is released."""
    from infra.cli.retention import hold as run

    run(reason, run_id, as_json=as_json, url=url, key=key)


@app.command("release")
def release(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="hold_…")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Release a legal hold: what is due goes with the next sweep. For operators."""
    from infra.cli.retention import release as run

    run(hold_id, as_json=as_json, url=url, key=key)
