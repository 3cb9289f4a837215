"""`chatsmart cache …`: the verbs' options. What they do is imported when one is called."""

from typing import Annotated

import typer

from infra.cli.options import AsJson, Key, Url

app = typer.Typer(help="The prompt cache.", no_args_is_help=True, rich_markup_mode=None)


@app.command("stats")
def stats(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show what is stored, what was served of it, and what that saved."""
    from infra.cli.cache import stats as run

    run(as_json=as_json, url=url, key=key)


@app.command("purge")
def purge(
    model: Annotated[str | None, typer.Option(help="Only answers of this model.")] = None,
    template: Annotated[str | None, typer.Option(help="Only answers to this template.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only answers with this tag.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every stored answer.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Forget stored answers, everywhere and at once."""
    from infra.cli.cache import purge as run

    run(model, template, tag, everything=everything, as_json=as_json, url=url, key=key)


@app.command("reopen")
def reopen(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Serve near hits again after too many of them were wrong."""
    from infra.cli.cache import reopen as run

    run(as_json=as_json, url=url, key=key)
