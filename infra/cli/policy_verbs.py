"""`chatsmart policy …`: the verbs' options. What they do is imported when one is called."""

from typing import Annotated

import typer

from infra.cli.options import AsJson, Key, Url

app = typer.Typer(
    help="The tenant's policy: models, redaction, cache, retention …",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("show")
def show(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show the policy in force: what is printed can be changed and set."""
    from infra.cli.policy import show as run

    run(as_json=as_json, url=url, key=key)


@app.command("set")
def set_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON: the parts to replace; - reads stdin.")],
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Replace parts of the policy, each as a whole; parts that the file leaves out stay."""
    from infra.cli.policy import change

    change(file, as_json=as_json, url=url, key=key)


@app.command("history")
def history(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List the versions of the rules, newest first."""
    from infra.cli.policy import history as run

    run(as_json=as_json, url=url, key=key)
