"""Perplexity Sonar: chat completions with sources and a bill.

Sources: Perplexity API reference "Chat Completions"; types of the perplexityai client 0.46.
- Every chunk carries both `delta` and the whole `message` so far: only `delta` is read.
- Chunks before the last carry a cost object full of zeros: a total of 0 is no cost.
- The bill is `usage.cost.total_cost`; the request fee in it can't be derived from tokens.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.adapters.llm import jsontext, said, schemas
from shared.adapters.llm.openai_chat import ChatDecoder, headers, message, usage_of
from shared.adapters.llm.wire import Encoded, Json, Wire, bearer, word
from shared.core.chunk import Chunk
from shared.core.faults import Rejected
from shared.core.model_spec import ModelSpec
from shared.core.money import from_usd
from shared.core.prompt import Message, Prompt
from shared.core.usage import Usage


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request. Roles must alternate after one system message; there are no tools."""
    said.no_continuing(spec, prompt)
    turns = said.merged(said.turns(prompt))
    if prompt.tools or any(turn.role == "tool" or turn.tool_calls for turn in turns):
        raise Rejected(f"{spec.name} can't call tools.", param="tools")
    system = said.system_text(prompt, said.JSON_ONLY if prompt.json_object and prompt.schema is None else "")
    if system:
        turns.insert(0, Message("system", system))
    body: Json = {"model": spec.native, "messages": [message(turn) for turn in turns], "stream": stream}
    body |= said.sampling(spec, prompt, ("temperature", "top_p"))
    if prompt.max_output is not None:
        body["max_tokens"] = prompt.max_output
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if prompt.effort is not None and spec.thinks:
        body["reasoning_effort"] = "low" if prompt.effort in ("none", "minimal") else prompt.effort
    if prompt.schema is not None:
        schema = schemas.without(prompt.schema.body, schemas.VLLM_DROPS)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": prompt.schema.name, "schema": schema},
        }
    return Encoded("/chat/completions", headers(stream), jsontext.write(body))


_ABSURD = Decimal(10_000)
"""Dollars. No request costs that: a figure past it is a defect of the provider's, not a bill."""


def _micros(cost: Any) -> int | None:
    """A price in dollars as micro-dollars; None for nothing and for the zeros of an interim chunk."""
    try:
        dollars = Decimal(str(cost))
    except InvalidOperation:
        return None
    return from_usd(dollars) if dollars.is_finite() and 0 < dollars < _ABSURD else None


class PerplexityDecoder(ChatDecoder):
    """Chat completions with `search_results`, `citations` and `usage.cost`."""

    def extras(self, data: Json, out: list[Chunk]) -> None:
        """Sources: `search_results` have titles, `citations` are bare addresses of the same."""
        for found in data.get("search_results") or ():
            self.cite(found.get("url"), found.get("title"), out)
        for url in data.get("citations") or ():
            self.cite(url, "", out)

    def usage(self, report: Mapping[str, Any]) -> Usage:
        """Thinking is inside `completion_tokens`, except where it has a price line of its own (deep research)."""
        cost = report.get("cost") or {}
        counted = usage_of(report)
        reasoning = int(report.get("reasoning_tokens") or counted.reasoning)
        apart = reasoning if cost.get("reasoning_tokens_cost") else 0
        return Usage(
            input=counted.input,
            cache_read=counted.cache_read,
            cache_write=counted.cache_write,
            output=counted.output + apart,
            reasoning=reasoning,
            searches=int(report.get("num_search_queries") or 0),
            search_context="" if (context := word(report.get("search_context_size"))) == "low" else context,
            reported_cost_micros=_micros(cost.get("total_cost")),
        )


WIRE = Wire("perplexity", encode, PerplexityDecoder, bearer)
