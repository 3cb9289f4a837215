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
