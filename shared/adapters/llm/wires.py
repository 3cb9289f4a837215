"""Every wire format that is spoken here, by name. A new one is one line."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.adapters.llm import (
    anthropic,
    gemini,
    openai_chat,
    openai_plain,
    openai_responses,
    perplexity,
    vllm,
)
from shared.adapters.llm.wire import Wire

WIRES: Mapping[str, Wire] = MappingProxyType(
    {
        "openai-chat": openai_chat.WIRE,
        "openai-plain": openai_plain.WIRE,
        "openai-responses": openai_responses.WIRE,
        "anthropic": anthropic.WIRE,
        "gemini": gemini.WIRE,
        "perplexity": perplexity.WIRE,
        "vllm": vllm.WIRE,
    }
)
