"""vLLM's plain completions: a prompt of token ids is gone on with exactly, as `/v1/completions` does it.

Which answer some tokens are the beginning of is known from the chats that were asked with `return_token_ids`.
"""

from collections import OrderedDict
from dataclasses import replace

from infra.simulator import chat_request, compose, fields, openai_chat, tokens, vllm, wire
from infra.simulator.answer import Answer, Ask, Frame, Json, Stamp, Turn, Usage
from infra.simulator.failure import BadField

_SEEN: OrderedDict[tuple[int, ...], Ask] = OrderedDict()
_MOST = 512
_DEFAULT = 16
"""Tokens that are written where no limit is given."""


def remember(ask: Ask) -> None:
    """Keeps a chat whose tokens are told."""
    _SEEN[tuple(vllm.prompt_ids(ask))] = replace(ask, max_tokens=None, stop=())
    if len(_SEEN) > _MOST:
        _SEEN.popitem(last=False)


class VllmCompletions(vllm.VllmChat):
    """`POST /completions` with token ids or a text as its prompt."""

    def ask(self, body: Json, target: wire.Target) -> Ask:
        """The body as an `Ask`; `prefill` is what of the answer has been said."""
        model = self.model(fields.text(body, "model"))
        prompt = body.get("prompt")
        options = fields.child(body, "stream_options")
        turns, said, rest = _begun(prompt)
        limit = fields.integer(body, "max_tokens")
        ask = Ask(
            model,
            turns,
            stream=fields.flag(body, "stream"),
            max_tokens=_DEFAULT if limit is None else limit,
            stop=chat_request.stops(body, most=64),
            prefill=said,
            options=() if rest is None else (rest,),
            extra={
                "include_usage": fields.flag(options, "include_usage", "stream_options."),
                "continuous": fields.flag(options, "continuous_usage_stats", "stream_options."),
                "token_ids": fields.flag(body, "return_token_ids"),
                "echo": "",
                "cache_salt": vllm.salt(body),
                "request_id": fields.text(body, "request_id", default=""),
                "prompt_ids": prompt if isinstance(prompt, list) else None,
            },
        )
        self._check_length(ask)
        return ask

    def body(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> bytes:
        """A `text_completion`."""
        choices = [
            _choice(at, answer.text, vllm.FINISH[answer.finish], _ids(ask, answer.pieces))
            for at, answer in enumerate(answers)
        ]
        return openai_chat.dumps({**_head(ask, stamp), "choices": choices, "usage": vllm.usage_of(usage)})

    def frames(self, ask: Ask, answers: tuple[Answer, ...], usage: Usage, stamp: Stamp) -> tuple[Frame, ...]:
        """Chunks with text, a last one with the reason, then usage and `[DONE]`."""
        made: list[Frame] = []
        sent = 0

        def chunk(choices: list[Json], count: int = 0, *, final: bool = False, end: bool = False) -> None:
            data: Json = {**_head(ask, stamp), "choices": choices}
            if final or ask.extra["continuous"]:
                data["usage"] = vllm.usage_of(usage, None if final else sent, details=final)
            made.append(Frame(wire.sse(data), count, end))

        for at, answer in enumerate(answers):
            for text, count in wire.parts(answer, self.chunk_tokens):
                sent += count
                chunk([_choice(at, text, None, _ids(ask, tokens.pieces(text)))], count)
            chunk([_choice(at, "", vllm.FINISH[answer.finish], None)], end=True)
        if ask.extra["include_usage"]:
            chunk([], final=True, end=True)
        made.append(Frame(b"data: [DONE]\n\n", 0, True))
        return tuple(made)


def _begun(prompt: object) -> tuple[tuple[Turn, ...], str, str | None]:
    """The conversation that a prompt is of, what of its answer is in it, and the rest where that is known."""
    if isinstance(prompt, str) and prompt:
        return (Turn("user", prompt),), "", None
    if not isinstance(prompt, list) or not prompt:
        raise BadField("prompt", "missing")
    if not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in prompt):
        raise BadField("prompt", "type", expected="list of integers")
    given = tuple(prompt)
    for known, ask in reversed(_SEEN.items()):
        if given[: len(known)] == known:
            pieces = compose.answers(replace(ask, n=1))[0].pieces
            so_far = given[len(known) :]
            if tuple(tokens.ids(pieces[: len(so_far)])) == so_far:
                said, rest = ("".join(part) for part in (pieces[: len(so_far)], pieces[len(so_far) :]))
                return ask.turns, ask.prefill + said, rest
    return (Turn("user", " ".join(map(str, given))),), "", None


def _ids(ask: Ask, pieces: list[str]) -> list[int] | None:
    return tokens.ids(pieces) if ask.extra["token_ids"] else None


def _choice(at: int, text: str, finish: str | None, ids: list[int] | None) -> Json:
    return {
        "index": at,
        "text": text,
        "logprobs": None,
        "finish_reason": finish,
        "stop_reason": None,
        "token_ids": ids,
    }


def _head(ask: Ask, stamp: Stamp) -> Json:
    return {
        "id": f"cmpl-{stamp.core}",
        "object": "text_completion",
        "created": stamp.created,
        "model": ask.model.id,
    }
