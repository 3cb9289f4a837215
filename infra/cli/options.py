"""Options that several verbs share."""

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="CHATSMART_URL", help="Server to talk to.", show_default="the local one"),
]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="CHATSMART_KEY", help="API key.", show_default="the local demo key"),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
Dollars = Annotated[
    str | None,
    typer.Option(metavar="DOLLARS", help="May spend so much, like 25 or 0.50.", show_default="none"),
]
Pace = Annotated[int | None, typer.Option(min=1, max=10**9, help="May go so fast.", show_default="none")]
