"""Chat completions in the words that every server of this format knows: Ollama, llama.cpp, and who comes after them.

Sources: their own documents (Ollama "OpenAI compatibility", llama.cpp tools/server/README.md).
- What is sent is OpenAI's from before the servers parted: `max_tokens`, not `max_completion_tokens`, which some of them
  pass over; no field and no header of one server alone. Whether such a field is ignored or refused is no question then.
- A schema goes as `response_format`; each server keeps to it as well as it can, and the answer is checked.
- Usage may be missing, also where it was asked for: failover estimates it.
- An answer that breaks off is gone on with in words, by whoever comes next.
"""

from shared.adapters.llm import jsontext, said
from shared.adapters.llm.openai_chat import ChatDecoder, headers, messages, options
from shared.adapters.llm.vllm import credential
from shared.adapters.llm.wire import Encoded, Json, Wire
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt


def encode(spec: ModelSpec, prompt: Prompt, *, stream: bool, request_id: str) -> Encoded:
    """The request. `request_id` is not sent: nobody there asks for one."""
    said.no_continuing(spec, prompt)
    body: Json = {"model": spec.native, "messages": messages(prompt), **options(spec, prompt)}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if prompt.max_output is not None:
        body["max_tokens"] = prompt.max_output
    if prompt.seed is not None:
        body["seed"] = prompt.seed
    if prompt.schema is not None:
        shape = {"name": prompt.schema.name, "schema": dict(prompt.schema.body), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": shape}
    elif prompt.json_object:
        body["response_format"] = {"type": "json_object"}
    return Encoded("/chat/completions", headers(stream), jsontext.write(body))


WIRE = Wire("openai-plain", encode, ChatDecoder, credential)
