"""The pool that serves the Llama tier, as its callers meet it: what its front says on every answer, and what it or the
edge before it refuses with."""

from collections.abc import Mapping

from aiohttp import web

from infra.simulator.failure import WireError

KINDS = {
    "cold": "Llama: 503 of the edge before the pool, which has no replica yet",
    "draining": "Llama: 503 of a replica that is about to end",
    "sick": "Llama: 503 of a replica whose engine has died",
    "busy": "Llama: an answer as usual, and word that requests wait in the engine",
}
STATE, WAITING = "x-chatsmart-pool", "x-chatsmart-pool-waiting"
_QUEUE = "9"
_WORDS = {"draining": "This replica is about to end.", "sick": "The engine has died."}
_AGAIN = 5.0


def heads(kind: str) -> Mapping[str, str]:
    """What the front puts on every answer, under a fault of this kind or under none."""
    state = kind if kind in _WORDS else "ready"
    return {STATE: state, WAITING: _QUEUE if kind == "busy" else "0"}


def refuses(kind: str) -> WireError | None:
    """What the front answers with in place of the engine, if it does."""
    words = _WORDS.get(kind)
    return (
        None if words is None else WireError(503, words, kind="ServiceUnavailableError", retry_after=_AGAIN)
    )


def edge() -> web.Response:
    """The edge's own refusal: no word of the pool's, for there is none."""
    headers = {"content-type": "text/plain; charset=utf-8", "x-simulated": "true"}
    return web.Response(status=503, body=b"no replica is ready\n", headers=headers)
