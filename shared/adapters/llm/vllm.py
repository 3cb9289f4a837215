"""vLLM's OpenAI-compatible server: chat completions that can be continued exactly.

Sources: vllm/entrypoints/openai protocol; runs of vLLM 0.32 (docs/adapter-kit.md, "vLLM").
- `continue_final_message` needs `add_generation_prompt: false`, else 400.
- `continuous_usage_stats` puts usage on every chunk, so that a cut answer is billed without an estimate.
- A grammar begins with what is generated, not with the message that is continued: half a JSON value would be followed
  by a whole one. So a continuation goes without its schema; the answer is checked when it is whole.
- Tool arguments are free text unless the tool is `strict`.
- `return_token_ids` gives the tokens of the prompt (first chunk) and of each piece. From just these a cut answer is
  gone on with to the letter, at `/completions`; from its words it is not, for they may be cut into other tokens.
- Told to end, the server cuts what it writes with finish_reason `abort` and `[DONE]`: no end of an answer.
- What the prefix cache holds is shared between requests of one `cache_salt` only.
- Only for vLLM itself: what other servers of this format do with its fields is theirs to say (`openai_plain.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from shared.adapters.llm import jsontext, resuming, schemas
from shared.adapters.llm.openai_chat import ChatDecoder, headers, messages, options
from shared.adapters.llm.wire import Encoded, Json, Wire, bearer
from shared.core.chunk import Chunk, Text
from shared.core.faults import Cut, Rejected
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt
from shared.ports.provider import WireRequest

_CHAT, _COMPLETIONS = "/chat/completions", "/completions"
_ABORTED = "abort"
_KEPT = ("model", "temperature", "top_p", "stop", "seed", "cache_salt", "request_id", "stream_options")
"""What of a request holds for its continuation too."""


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
    if stream and _exact(prompt):
        body["return_token_ids"] = True
    sent = {**headers(stream), "x-request-id": request_id}
    return Encoded(_CHAT, sent, jsontext.write(body))


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


def _exact(prompt: Prompt) -> bool:
    """Whether a cut answer could be gone on with by its tokens. A grammar begins anew there, a tool's call is no text,
    and while it may be a stop sequence the server holds text back whose tokens it has sent already."""
    grammar = prompt.schema is not None or prompt.json_object
    return not (
        grammar or prompt.tools or prompt.continue_final or any(len(stop) > 1 for stop in prompt.stop)
    )


def apart(encoded: Encoded, prompt: Prompt, name: Callable[[str], str]) -> Encoded:
    """The request with its tenant's salt, and with the name of its conversation: what begins alike (the instruction
    and the first question) finds at the same replica what that has read already."""
    head = [message for message in prompt.messages if message.role == "system"][:1]
    head += [message for message in prompt.messages if message.role == "user"][:1]
    session = name("\0".join(["conversation", *(message.text for message in head)]))
    salted = encoded.body[:-1] + b',"cache_salt":' + jsontext.write(name("prefix cache")) + b"}"
    return replace(encoded, headers={**encoded.headers, "modal-session-id": session}, body=salted)


def resume(request: WireRequest, received: bytes) -> WireRequest | None:
    """The rest, asked for by the tokens that came. None where the server sent none, or said that the answer had
    ended."""
    asked = jsontext.read(request.body)
    if not asked.get("return_token_ids") or not asked.get("max_tokens"):
        return None
    events = resuming.brought(received)
    choices = [choice for event in events for choice in event.get("choices") or ()]
    if any(choice.get("finish_reason") not in (None, _ABORTED) for choice in choices):
        return None
    came = [token for choice in choices for token in choice.get("token_ids") or ()]
    begun = asked.get("prompt") or next((event.get("prompt_token_ids") for event in events), None)
    left = asked["max_tokens"] - len(came)
    if not begun or left < 1 or any(_says(choice) and not choice.get("token_ids") for choice in choices):
        return None
    body = {name: asked[name] for name in _KEPT if name in asked}
    body |= {"prompt": [*begun, *came], "max_tokens": left, "stream": True, "return_token_ids": True}
    url = request.url.removesuffix(_COMPLETIONS).removesuffix("/chat") + _COMPLETIONS
    return replace(request, url=url, body=jsontext.write(body))


def _says(choice: Json) -> bool:
    said = choice.get("delta") or {}
    return bool(choice.get("text") or said.get("content") or said.get("tool_calls") or said.get("reasoning"))


def credential(key: str) -> Mapping[str, str]:
    """What Modal's edge asks for (`wk-…:ws-…`), else a bearer token."""
    name, _, secret = key.partition(":")
    if name.startswith("wk-") and secret.startswith("ws-"):
        return {"modal-key": name, "modal-secret": secret}
    return bearer(key)


class VllmDecoder(ChatDecoder):
    """Chat completions, and the plain ones that a cut answer is gone on with."""

    __slots__ = ()

    def _choice(self, choice: Json, said_now: Json | None, out: list[Chunk]) -> None:
        if text := choice.get("text"):
            out.append(Text("" + text))
        super()._choice(choice, said_now, out)

    def _finished(self, reason: str) -> None:
        if reason == _ABORTED:
            raise Cut("The server was told to end in the middle of the answer.", provider_code=_ABORTED)
        super()._finished(reason)


WIRE = Wire("vllm", encode, VllmDecoder, credential, resume=resume, apart=apart)
