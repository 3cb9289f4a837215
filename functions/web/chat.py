"""POST /v1/chat/completions, as OpenAI's."""

from typing import Any

from functions.web.openai_answer import ChunkWriter, Envelope, GatheredChat
from functions.web.openai_request import ChatBody, chat_body

PATH = "/v1/chat/completions"


class ChatCompletions:
    """The dialect of chat completions."""

    prefix = "chatcmpl-"

    def read(self, values: dict[str, Any]) -> ChatBody:
        """See the protocol."""
        return chat_body(values)

    def gathered(self, envelope: Envelope, asked: ChatBody) -> GatheredChat:
        """See the protocol."""
        return GatheredChat(envelope, asked.n)

    def writer(self, envelope: Envelope, asked: ChatBody) -> ChunkWriter:
        """See the protocol."""
        return ChunkWriter(envelope, asked.n, include_usage=asked.include_usage)
