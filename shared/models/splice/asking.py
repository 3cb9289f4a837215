"""How another model is asked to go on with an answer that broke off."""

import re
from dataclasses import replace

from shared.core.prompt import Message, Prompt, ToolChoice

_QUOTED = 200
"""Code points of the end that are quoted."""
_LEAST = 64
"""Output tokens that are always left for the rest."""
_BYTES_PER_TOKEN = 4
"""Of UTF-8: some four letters of English, one or two signs of Chinese."""
_GO_ON = (
    "Your answer above was cut off. Continue it exactly where it stops, from the next character on. "
    "Do not repeat any of it, do not begin again, and write no introduction and no remark. Keep its language, "
    "voice and format."
)
_GO_ON_JSON = " It is one JSON text: write only what is missing of it."


def continuation(prompt: Prompt, sent: str) -> Prompt:
    """The conversation, the answer so far as the assistant's turn, and the request to go on. The last turn is a user's:
    today's hosted models refuse to be handed the beginning of their own answer."""
    json = prompt.schema is not None or prompt.json_object
    words = _GO_ON + (_GO_ON_JSON if json else "") + f" It ends with:\n<end>{_end(sent)}</end>"
    messages = (*prompt.messages, Message("assistant", sent), Message("user", words))
    # Constrained decoding would begin a new JSON text; tools would be called for the rest.
    return replace(
        prompt,
        messages=messages,
        max_output=_rest(prompt, sent),
        schema=None,
        json_object=False,
        tools=(),
        tool_choice=ToolChoice(),
    )


def prefixed(prompt: Prompt, sent: str) -> Prompt:
    """The conversation with the unfinished answer as its last message, for a model that continues it itself."""
    messages = (*prompt.messages, Message("assistant", sent))
    return replace(
        prompt,
        messages=messages,
        max_output=_rest(prompt, sent),
        schema=None,
        json_object=False,
        continue_final=True,
    )


def _end(sent: str) -> str:
    """The last words of a text."""
    tail = sent[-_QUOTED:]
    if len(sent) > _QUOTED and (found := re.search(r"\s", tail[:60])):
        tail = tail[found.end() :]
    return tail


def _rest(prompt: Prompt, sent: str) -> int | None:
    if prompt.max_output is None:
        return None
    return max(prompt.max_output - len(sent.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN, _LEAST)
