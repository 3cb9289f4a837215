"""`chatsmart replay`: a past document or chat, rebuilt from its log entries with every socket shut."""

import sys
from hashlib import sha256

from infra.cli.client import Client, Json, connect
from infra.cli.screen import put
from infra.cli.shut import sockets_shut
from infra.cli.trouble import Trouble


def replay(run: str, *, verify: bool, as_json: bool, url: str | None, key: str | None) -> None:
    """Fetch the run's entries, shut the sockets, rebuild; print the text, or with `verify` the digests."""
    with connect(url, key) as client:
        rows = _tape(client, run)
    # Imported while sockets are open, so that nothing but the rebuilding happens behind the shut door.
    from shared.core.faults import Fault
    from shared.documents.replayed import replayed
    from shared.documents.tape import entries_from_json

    try:
        with sockets_shut():
            again = replayed(entries_from_json(rows))
    except Fault as fault:
        raise Trouble(f"{run} can't be rebuilt: {fault.message}") from None
    stream = sha256(again.sse).hexdigest()
    if as_json:
        put(
            {
                "id": run,
                "identical": again.identical,
                "sha256": again.sha256,
                "sse_sha256": stream,
                "events": len(again.events),
                "entries": len(rows),
                "detail": again.detail,
                **({} if verify else {"text": again.document.text}),
            }
        )
    elif verify:
        print(f"run        {run}")
        print(f"entries    {len(rows)} read, then every socket shut")
        print(f"events     {len(again.events)} rebuilt, {len(again.sse)} bytes")
        print(f"document   sha256 {again.sha256}")
        print(f"stream     sha256 {stream}")
        print("identical" if again.identical else f"NOT identical: {again.detail}")
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
