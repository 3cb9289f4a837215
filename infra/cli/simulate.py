"""`chatsmart simulate`: make the simulated providers of this machine's server fail, and watch what readers see."""

from collections.abc import Mapping
from typing import Any

from infra.cli.screen import put, say
from infra.cli.target import local_home, running
from infra.cli.trouble import Trouble

SOON = 10.0
"""Seconds to wait for the simulator."""


def fail(provider: str, kind: str, *, after: int, status: int, times: int | None, as_json: bool) -> None:
    """From now on calls of a provider (`*` for all) fail so; `times` is how many, None until they are healed."""
    fault: dict[str, Any] = {"kind": kind, "status": status, "after_chunks": after}
    rule = {"provider": provider, "times": times, "fault": fault}
    found = _ask("POST", "/_control/plan", rule)
    if as_json:
        put(found)
        return
    calls = "every call" if times is None else "the next call" if times == 1 else f"the next {times} calls"
    whose = "any provider" if provider == "*" else provider
    say(f"{calls} of {whose}: {kind}. `chatsmart simulate heal` ends it.")


def heal(*, as_json: bool) -> None:
    """Nothing fails on purpose any more. Breakers that opened meanwhile close by themselves."""
    found = _ask("DELETE", "/_control/plan", None)
    if as_json:
        put(found)
    else:
        say("The simulated providers are well again; breakers that opened close within a minute.")


def _ask(method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    import httpx

    home = local_home()
    server = running(home)
    if server is None:
        raise Trouble(f"No ChatSmart server runs on {home}. Start it with `chatsmart up`.")
    if not server.simulator:
        raise Trouble("All providers of this server are real: there is nothing to simulate.")
    try:
        answer = httpx.request(method, server.simulator + path, json=body, timeout=SOON, trust_env=False)
    except httpx.HTTPError as error:
        raise Trouble(f"The simulated providers do not answer ({type(error).__name__}).") from None
    found: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        raise Trouble(str(found.get("error", answer.text)), code=2)
    return found
