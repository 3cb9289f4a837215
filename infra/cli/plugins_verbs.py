"""`chatsmart plugins …`: the verbs' options. What they do is imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import AsJson, Key, Url

app = typer.Typer(
    help="Plugins: sources and actions of your own.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The plugin's name.")]
Hosts = Annotated[
    list[str] | None, typer.Option("--host", metavar="HOST", help="A host that it may ask; may be repeated.")
]
Secrets = Annotated[
    list[str] | None,
    typer.Option("--secret", metavar="NAME", help="A secret that it may use; may be repeated."),
]


@app.command("add")
def add(  # one option each
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Its text.")],
    name: Annotated[str | None, typer.Option(help="Its name.", show_default="the file's")] = None,
    host: Hosts = None,
    secret: Secrets = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event", metavar="EVENT", help="What an action is called on.", show_default="document.finished"
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Add a plugin, or a further version of one: live at once."""
    from infra.cli.plugins import add as run

    run(file, name, host or [], secret or [], event or [], as_json=as_json, url=url, key=key)


@app.command("test")
def trial(  # one option each
    name: Name,
    given: Annotated[
        str, typer.Option("--input", metavar="JSON", help="A question, or the event of an action.")
    ],
    source: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Run this text, without storing it.")
    ] = None,
    host: Hosts = None,
    secret: Secrets = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Run a plugin once and show what it did."""
    from infra.cli.plugins import trial as run

    run(name, given, source, host or [], secret or [], as_json=as_json, url=url, key=key)


@app.command("list")
def list_(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """List plugins, newest first."""
    from infra.cli.plugins import listed as run

    run(as_json=as_json, url=url, key=key)


@app.command("enable")
def enable(name: Name, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Have a plugin called again."""
    from infra.cli.plugins import switch

    switch(name, on=True, as_json=as_json, url=url, key=key)


@app.command("disable")
def disable(name: Name, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Have a plugin called no more."""
    from infra.cli.plugins import switch

    switch(name, on=False, as_json=as_json, url=url, key=key)


@app.command("secret")
def secret(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The secret's name.")],
    forget: Annotated[bool, typer.Option("--forget", help="Forget it.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Set a secret: its value is read from stdin, one line."""
    from infra.cli.plugins import secret as run

    run(name, forget=forget, as_json=as_json, url=url, key=key)
