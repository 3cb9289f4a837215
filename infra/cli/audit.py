"""`chatsmart audit verify`: check the hash chain over a tenant's log."""

from infra.cli.client import connect
from infra.cli.screen import put
from infra.cli.trouble import Trouble


def verify(*, as_json: bool, url: str | None, key: str | None) -> None:
    """Have the server recompute the chain from the rows. Raises Trouble where it does not fit."""
    with connect(url, key) as client:
        verdict = client.call("GET", "/v1/audit/verify")
    broken = str(verdict.get("broken") or "")
    if as_json:
        put(verdict)
    elif not broken:
        bare = verdict.get("tombstones") or 0
        print(
            f"intact: {verdict.get('entries')} entries under {verdict.get('seals')} seals, "
            f"{verdict.get('unsealed')} not sealed yet"
            + (f", {bare} with a tombstone in place of their words" if bare else "")
        )
    if broken:
        raise Trouble("" if as_json else f"The log was tampered with or damaged: {broken}")
