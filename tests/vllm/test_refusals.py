"""Requests that the real server refuses, as the adapter's faults with the server's own words."""

from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from shared.core.chunk import Text
from shared.core.faults import Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt, ask
from shared.core.schema import Schema
from shared.models.failover import worth_another
from tests.vllm.asking import SPEC, Asking, greedy
from tests.vllm.served import LLAMA, WINDOW, Address

EMPTY = Schema("none", {"type": "integer", "minimum": 5, "maximum": 1})
UNKNOWN = Schema("odd", {"type": "array", "contains": {"const": 1}, "items": {"type": "integer"}})


@dataclass(frozen=True)
class Bad:
    """A request and what the server says of it."""

    prompt: Prompt
    says: str
    status: int = 400
    spec: ModelSpec = SPEC
    another: bool = False
    """Whether another model may do better."""


BAD = {
    "a prompt over the window": Bad(
        ask("word " * 2 * WINDOW), rf"maximum context length is {WINDOW} tokens", another=True
    ),
    "more tokens than the window": Bad(
        ask("Hello", max_output=2 * WINDOW), rf"max_tokens.*{2 * WINDOW}.*{WINDOW}"
    ),
    "a schema that nothing fits": Bad(ask("Hello", max_output=50, schema=EMPTY), r"grammar"),
    "a schema that the grammar can't say": Bad(ask("Hello", max_output=50, schema=UNKNOWN), r"not supported"),
    "a temperature of nine": Bad(replace(ask("Hello"), temperature=9.0), r"temperature must be in \[0, 2\]"),
    "no messages": Bad(Prompt(()), r"empty conversation"),
    "a model that is not served": Bad(
        ask("Hello"), r"`nobody/none` does not exist", 404, replace(SPEC, native="nobody/none"), True
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("case", BAD)
async def test_a_bad_request_is_rejected_in_the_servers_words(
    asking: Asking, case: str, stream: bool
) -> None:
    """It is Rejected before any text, streamed or not; the next rung is asked where it may do better."""
    bad = BAD[case]
    with pytest.raises(Rejected, match=bad.says) as raised:
        await asking.hear(bad.prompt, spec=bad.spec, stream=stream)
    assert (raised.value.provider_status, raised.value.provider_code) == (bad.status, str(bad.status))
    assert worth_another(raised.value) == bad.another


async def test_the_server_is_well_after_all_of_them(asking: Asking, address: Address) -> None:
    """Refused requests leave nothing running and break nothing."""
    for bad in BAD.values():
        with pytest.raises(Rejected):
            await asking.hear(bad.prompt, spec=bad.spec)
    heard = await asking.hear(greedy("Hello", 5))
    assert any(isinstance(chunk, Text) for chunk in heard.chunks)
    assert address.metrics().running == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/sleep"),
        ("POST", "/collective_rpc"),
        ("POST", "/inference/v1/abort_requests"),
        ("POST", "/v1/load_lora_adapter"),
        ("POST", "/tokenize"),
        ("GET", "/server_info"),
        ("GET", "/v1/chat/completions"),
    ],
)
async def test_the_front_lets_nothing_else_through(address: Address, method: str, path: str) -> None:
    """What a caller has no business with is not served, in the error shape of the rest, with the pool's state."""
    async with httpx.AsyncClient(base_url=address.base_url.removesuffix("/v1")) as http:
        answer = await http.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "This path is not served."
    assert answer.headers["x-chatsmart-pool"] == "ready"


async def test_every_answer_tells_how_the_pool_is(address: Address) -> None:
    """Good or bad, streamed or whole, an answer carries the state and how many wait."""
    said: dict[str, Any] = {"model": LLAMA.served, "max_tokens": 2, "cache_salt": "a"}
    said["messages"] = [{"role": "user", "content": "Hello"}]
    async with httpx.AsyncClient(base_url=address.base_url, timeout=30) as http:
        for change in ({}, {"stream": True}, {"model": "nobody"}):
            answer = await http.post("/chat/completions", json=said | change)
            assert answer.headers["x-chatsmart-pool"] == "ready"
            assert answer.headers["x-chatsmart-pool-waiting"] == "0"
