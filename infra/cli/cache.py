"""`chatsmart cache`: the figures of the prompt cache, and forgetting what it holds."""

import sys

from infra.cli.client import Json, connect
from infra.cli.screen import put, say
from infra.cli.trouble import Trouble


def stats(*, as_json: bool, url: str | None, key: str | None) -> None:
    """What is stored, what was served of it, and what that saved."""
    with connect(url, key) as client:
        found = client.call("GET", "/v1/cache")
    if as_json:
        put(found)
        return
    near = found.get("near") or {}
    rate = found.get("hit_rate")
    print(f"stored    {found.get('entries')} answers, {_size(int(found.get('bytes') or 0))}")
    print(
        f"served    {found.get('hits')} the same, {found.get('near_hits')} near, {found.get('joined')} shared; "
        f"{found.get('misses')} asked" + ("" if rate is None else f" ({rate:.1%} not asked)")
    )
    print(f"saved     ${int(found.get('saved_micros') or 0) / 1_000_000:.4f}")
    state = (
        "open"
        if near.get("open")
        else "off: too many near hits were wrong; `chatsmart cache reopen` looks past it"
    )
    print(f"near      {state}; {near.get('checked')} checked, {near.get('wrong')} wrong")


def purge(
    model: str | None,
    template: str | None,
    tag: str | None,
    *,
    everything: bool,
    as_json: bool,
    url: str | None,
    key: str | None,
) -> None:
    """Forget answers. All of them only where that is said, and a person at a terminal said so twice. Raises Trouble."""
    body: Json = {
        name: value
        for name, value in (("model", model), ("template", template), ("tag", tag))
        if value is not None
    }
    if everything == bool(body):
        raise Trouble(
            "Say what to forget: --model, --template, --tag (each that is given must fit), or --all alone.",
            code=2,
        )
    if everything and sys.stdin.isatty() and not _sure():
        raise Trouble("Nothing was forgotten.")
    with connect(url, key) as client:
        found = client.call("POST", "/v1/cache/purge", body)
    if as_json:
        put(found)
    else:
        number = found.get("purged")
        say(f"{number} answer{'' if number == 1 else 's'} forgotten.")


def reopen(*, as_json: bool, url: str | None, key: str | None) -> None:
    """Let near hits be served again."""
    with connect(url, key) as client:
        found = client.call("POST", "/v1/cache/near/reopen", {})
    if as_json:
        put(found)
    else:
        say("Near hits are served again; the checks count from nought.")


def _sure() -> bool:
    sys.stderr.write("Forget every stored answer of this tenant? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _size(number: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
