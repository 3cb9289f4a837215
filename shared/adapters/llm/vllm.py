"""vLLM's OpenAI-compatible server: chat completions that can be continued exactly.

Sources: vllm/entrypoints/openai protocol; runs of vLLM 0.32 (docs/adapter-kit.md, "vLLM").
- `continue_final_message` needs `add_generation_prompt: false`, else 400.
- `continuous_usage_stats` puts usage on every chunk, so that a cut answer is billed without an estimate.
- A grammar begins with what is generated, not with the message that is continued: half a JSON value would be followed
  by a whole one. So a continuation goes without its schema; the answer is checked when it is whole.
- Tool arguments are free text unless the tool is `strict`.
"""

from shared.adapters.llm import jsontext, schemas
from shared.adapters.llm.openai_chat import ChatDecoder, headers, messages, options
from shared.adapters.llm.wire import Encoded, Json, Wire, bearer
from shared.core.faults import Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request; `request_id` becomes the response's id and the server's trace."""
    body = {"model": spec.native, "messages": messages(prompt), **options(spec, prompt), "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
    if prompt.max_output is not None:
        body["max_tokens"] = prompt.max_output
    if prompt.seed is not None:
        body["seed"] = prompt.seed
    if prompt.effort is not None and spec.thinks:
        body["reasoning_effort"] = prompt.effort
    if request_id:
        body["request_id"] = request_id
    if prompt.continue_final:
        _continue(spec, prompt, body)
    elif prompt.schema is not None:
        schema = schemas.without(prompt.schema.body, schemas.VLLM_DROPS)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": prompt.schema.name, "schema": schema, "strict": True},
        }
    elif prompt.json_object:
        body["response_format"] = {"type": "json_object"}
    _constrain(prompt, body)
    sent = {**headers(stream), "x-request-id": request_id}
    return Encoded("/chat/completions", sent, jsontext.write(body))


def _continue(spec: ModelSpec, prompt: Prompt, body: Json) -> None:
    if not spec.continues or not prompt.messages or prompt.messages[-1].role != "assistant":
        raise Rejected(f"{spec.name} has no unfinished message to continue here.")
    body["continue_final_message"] = True
    body["add_generation_prompt"] = False


def _constrain(prompt: Prompt, body: Json) -> None:
    """A tool that must be called gets a grammar, or its arguments come out as they may."""
    forced = prompt.tool_choice.mode == "required" or bool(prompt.tool_choice.name)
    for tool, sent in zip(prompt.tools, body.get("tools", ()), strict=True):
        function = sent["function"]
        function["parameters"] = schemas.without(schemas.for_tool(tool.parameters), schemas.VLLM_DROPS)
        if tool.strict or forced:
            function["strict"] = True


WIRE = Wire("vllm", encode, ChatDecoder, bearer)
