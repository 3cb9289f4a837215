"""`chatsmart cutover …`: the verbs' options. What they do is imported when one is called."""

from typing import Annotated

import typer

from infra.cli.options import AsJson, Key, Url

app = typer.Typer(
    help="Move here from another path, a share at a time.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("show")
def show(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show the move: where the old path is, and who gets how much."""
    from infra.cli.cutover import show as run

    run(as_json=as_json, url=url, key=key)


@app.command("set")
def set_(  # noqa: PLR0913  # one option each
    old: Annotated[
        str | None, typer.Option("--old", metavar="URL", help="The old path: https://api.example.com/v1.")
    ] = None,
    old_key: Annotated[
        str | None,
        typer.Option(
            envvar="CHATSMART_OLD_KEY",
            help="Its API key; - reads it from stdin; empty forgets it.",
            show_envvar=True,
        ),
    ] = None,
    serve: Annotated[
        int | None, typer.Option(min=0, max=100, help="Per cent that ChatSmart answers.")
    ] = None,
    mirror: Annotated[
        int | None, typer.Option(min=0, max=100, help="Per cent of those that the old path gets too.")
    ] = None,
    shadow: Annotated[
        int | None,
        typer.Option(min=0, max=100, help="Per cent of the others that ChatSmart gets too, at your cost."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(metavar="THEIRS=OURS", help="Which model answers for one of theirs.")
    ] = None,
    keep_samples: Annotated[
        bool | None, typer.Option("--keep-samples/--no-samples", help="Keep compared texts.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Begin a move, or change it while it runs; what is left out stays as it is."""
    from infra.cli.cutover import change

    body = {
        "base_url": old,
        "api_key": old_key,
        "serve_percent": serve,
        "mirror_percent": mirror,
        "shadow_percent": shadow,
        "keep_samples": keep_samples,
    }
    change(body, model, as_json=as_json, url=url, key=key)


@app.command("report")
def report(
    hours: Annotated[int, typer.Option(min=1, max=720, help="How far back to look.")] = 24,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Compare both sides: agreement, failures, cost, latency, and whether to go on."""
    from infra.cli.cutover import report as run

    run(hours, as_json=as_json, url=url, key=key)


@app.command("end")
def end(as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """End the move: ChatSmart answers everything, and the old path's key is forgotten."""
    from infra.cli.cutover import end as run

    run(as_json=as_json, url=url, key=key)
