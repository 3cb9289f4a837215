"""What the cost page takes a document to need is what one needs."""

import pytest
import redis.asyncio

from infra.cost import work
from tests.flow.house import opened
from tests.stores import Addresses


async def test_an_article_needs_what_the_page_says(addresses: Addresses) -> None:
    """An article on the simulated providers: the page's models, its tokens within a fifth, its commands within
    what a busy machine makes of them: who waits longer looks round more often."""
    connection = redis.asyncio.Redis.from_url(addresses.redis)
    async with opened(addresses) as house, house.client() as client, connection:
        before = (await connection.info("stats"))["total_commands_processed"]
        answer = await client.post(
            "/v1/documents",
            json={"pipeline": "article", "brief": "Why bread goes stale, and what keeps it.", "stream": True},
        )
        after = (await connection.info("stats"))["total_commands_processed"]
        run = answer.headers["content-location"].rpartition("/")[2]
        tape = (await client.get(f"/v1/audit/{run}/tape")).json()["entries"]
    outcomes = [entry for entry in tape if entry["kind"] == "outcome"]
    assert [(entry["step"], entry["model"]) for entry in outcomes] == [
        (call.step, call.model) for call in work.ARTICLE
    ]
    for entry, call in zip(outcomes, work.ARTICLE, strict=True):
        assert entry["usage"]["input"] == pytest.approx(call.usage.input, rel=0.2)
        assert entry["usage"]["output"] == pytest.approx(call.usage.output, rel=0.2)
    assert work.REDIS_COMMANDS / 2 < after - before < work.REDIS_COMMANDS * 4
