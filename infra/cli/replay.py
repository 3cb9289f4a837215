"""`chatsmart replay`: a past document or chat, rebuilt from its log entries with every socket shut."""

import asyncio
import sys
from hashlib import sha256

from infra.cli.client import Client, Json, connect, named
from infra.cli.screen import put
from infra.cli.shut import sockets_shut
from infra.cli.trouble import Trouble


def replay(run: str, *, verify: bool, draw: bool, as_json: bool, url: str | None, key: str | None) -> None:
    """Fetch the run's entries, shut the sockets, rebuild; print the text, or with `verify` the digests, or with `draw`
    the graph with who served each step, its cost and its time."""
    with connect(url, key) as client:
        run = named(client, run)
        rows = _tape(client, run)
    # Imported while sockets are open, so that nothing but the rebuilding happens behind the shut door.
    from shared.core.faults import Conflict, Fault
    from shared.documents.replayed import replayed
    from shared.documents.tape import entries_from_json
    from shared.pipelines import PIPELINES

    try:
        with sockets_shut():
            again = asyncio.run(replayed(PIPELINES, entries_from_json(rows)))
    except Conflict:
        raise Trouble(f"{run} is not over yet. When it is: chatsmart replay {run}") from None
    except Fault as fault:
        raise Trouble(f"{run} can't be rebuilt: {fault.message}") from None
    found = {
        "id": run,
        "identical": again.identical,
        "entries": len(rows),
        # The JSON of an event holds no raw line break, so this counts events and nothing else.
        "events": again.sse.count(b"\nevent: "),
        "bytes": len(again.sse),
        "sha256": again.sha256,
        "text_sha256": sha256(again.document.text.encode()).hexdigest(),
        "detail": again.detail,
        "drift": again.drift,
    }
    if as_json:
        put(found if verify else {**found, "text": again.document.text, "drawing": again.drawing})
    elif draw:
        print(again.drawing or f"{run} has no graph.")
    elif verify:
        print(f"run       {run}")
        print(f"entries   {found['entries']} read, then every socket shut")
        print(f"events    {found['events']} in {found['bytes']} bytes, sha256 {found['sha256']}")
        print(f"document  {len(again.document.text)} characters, sha256 {found['text_sha256']}")
        print("identical" if again.identical else f"NOT identical: {again.detail}")
        if again.drift:
            print(f"drift     today's pipeline would tell it otherwise: {again.drift}")
    else:
        text = again.document.text
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    if not again.identical:
        sys.stdout.flush()
        raise Trouble("" if verify or as_json else f"What was rebuilt is not what was sent: {again.detail}")


def _tape(client: Client, run: str) -> list[Json]:
    rows = client.call("GET", f"/v1/audit/{run}/tape").get("entries")
    if not isinstance(rows, list) or not rows:
        raise Trouble(f"The log of {client.target.url} holds nothing of '{run}'.")
    return rows
