"""The last step: whether what was published works."""

from infra.deploying.journey import Journey, Step
from infra.deploying.plane import Shipped
from infra.deploying.smoke import Pool, Site, client, proxy_headers
from infra.deploying.smoke_key import smoke_key


async def prove(journey: Journey) -> str:
    """Ask the web and the pool. A pool without a replica is no failure: GPUs may be short, and the hosted models serve
    meanwhile. One that is sick is. Raises Stopped."""
    order, shipped = journey.order, journey.shipped
    if shipped is None:
        return "nothing was shipped, so nothing is asked (--again ships this revision once more)"
    async with client() as http, smoke_key(order.file.get("DATABASE_URL", "")) as key:
        site = Site(shipped.web, http)
        await site.alive(order.revision.name, order.wishes.alive_seconds)
        await site.ready()
        await site.described()
        first = await site.completed(key)
        return f"ready, first words after {first:.2f} s{await _pool(journey, shipped)}"


async def _pool(journey: Journey, shipped: Shipped) -> str:
    if not shipped.pool:
        return ""
    order = journey.order
    async with client() as http:
        pool = Pool(shipped.pool, http, proxy_headers(order.file.get("LLAMA_API_KEY", "")))
        state = await pool.state(order.wishes.pool_seconds)
    if state == "cold":
        journey.say(
            f"! The pool has no replica after {order.wishes.pool_seconds:.0f} seconds. Hosted models serve until it "
            "has one; if that lasts, see GPU shortage in docs/operations.md."
        )
    return f", pool {state}"


SMOKE = Step(
    "smoke", "ask the new release: /healthz, /readyz, /openapi.json, one streamed answer, the pool", prove
)
