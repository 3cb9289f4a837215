"""A cut answer is gone on with: by its words, and exactly by its tokens."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tokenizers import Tokenizer

from shared.core.faults import Rejected
from shared.core.prompt import Message, ask
from tests.vllm.asking import SPEC, Asking, Heard, going_on, greedy
from tests.vllm.served import LLAMA, Address

QUESTIONS = ("What is a function?", "Tell of modules.", "Why are names bound?")
LENGTH = 60


@pytest.mark.parametrize("question", QUESTIONS)
async def test_words_are_gone_on_with_where_they_stop(
    asking: Asking, address: Address, weights: Path, question: str
) -> None:
    """Whatever an answer's beginning is, mid-word too, what comes is what comes after exactly these words in the
    model's own prompt: no new turn, no end of the turn, nothing between."""
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    prompt = greedy(question, LENGTH)
    whole = await asking.text(prompt)
    async with httpx.AsyncClient(base_url=address.base_url, timeout=30) as http:
        asked = {"model": LLAMA.served, "max_tokens": 20, "temperature": 0, "cache_salt": "a"}
        said = {"messages": [{"role": "user", "content": question}], "return_token_ids": True}
        head = (await http.post("/chat/completions", json=asked | said)).json()["prompt_token_ids"]
        blank = tokenizer.encode("\n\n").ids
        assert head[-len(blank) :] == blank
        for at in range(3, len(whole) - 20, 9):
            begun = whole[:at].strip()
            ids = head[: -len(blank)] + tokenizer.encode("\n\n" + begun).ids
            expected = (await http.post("/completions", json=asked | {"prompt": ids})).json()
            heard = (await asking.hear(going_on(prompt, begun, 20))).answer
            assert heard.text == expected["choices"][0]["text"]
            assert heard.usage is not None
            assert heard.usage.input == len(ids)


async def test_the_servers_template_drops_white_space_at_the_seam(asking: Asking) -> None:
    """With or without white space at its end, what was begun is the same to the server: the caller owns the seam."""
    prompt = greedy(QUESTIONS[0], LENGTH)
    begun = (await asking.text(prompt))[:40].rstrip()
    heard = [await asking.text(going_on(prompt, begun + end, 20)) for end in ("", " ", "\n\n")]
    assert heard[0] == heard[1] == heard[2]


async def test_only_an_assistants_words_are_gone_on_with(asking: Asking) -> None:
    """What can't be continued is refused here, before anything is sent."""
    with pytest.raises(Rejected, match="no unfinished message"):
        await asking.hear(replace(ask("Hello"), continue_final=True))
    with pytest.raises(Rejected, match="no unfinished message"):
        await asking.hear(replace(ask("Hello"), messages=(Message("user", "Hello"),), continue_final=True))


@pytest.mark.parametrize("question", QUESTIONS)
async def test_tokens_are_gone_on_with_exactly(address: Address, question: str) -> None:
    """From the prompt's tokens and those that had come, the rest is what it would have been, wherever it was cut."""
    asked = {"model": LLAMA.served, "max_tokens": LENGTH, "temperature": 0, "cache_salt": "a"}
    said = {"messages": [{"role": "user", "content": question}], "return_token_ids": True}
    async with httpx.AsyncClient(base_url=address.base_url, timeout=30) as http:
        whole = (await http.post("/chat/completions", json=asked | said)).json()
        prompt, ids = whole["prompt_token_ids"], whole["choices"][0]["token_ids"]
        assert len(ids) == LENGTH
        for cut in (1, 2, 7, 19, 30, 44, LENGTH - 1):
            body = asked | {
                "prompt": prompt + ids[:cut],
                "max_tokens": LENGTH - cut,
                "return_token_ids": True,
            }
            rest = (await http.post("/completions", json=body)).json()
            assert rest["choices"][0]["token_ids"] == ids[cut:]
            assert whole["choices"][0]["message"]["content"].endswith(rest["choices"][0]["text"])


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_answer_that_broke_anywhere_is_taken_up_to_the_letter(asking: Asking, question: str) -> None:
    """Whatever byte the stream broke at, the adapter's own resumption brings the rest and only that; so does a
    resumption of a resumption."""
    request = asking.provider.prepare(SPEC, greedy(question, LENGTH), stream=True, request_id="t-s")
    whole = await asking.send(request)
    resumed = 0
    for at in range(200, len(whole.raw), len(whole.raw) // 9):
        first = whole.raw[:at]
        again = asking.provider.resume(
            SPEC, greedy(question, LENGTH), request=request, received=first, request_id="t-2"
        )
        if again is None:
            continue
        resumed += 1
        events = Heard((), first[: first.rfind(b"\n\n") + 2]).events
        had = "".join(str(event["choices"][0]["delta"].get("content") or "") for event in events)
        rest = await asking.send(again)
        assert had + rest.answer.text == whole.answer.text, at
        assert rest.answer.finish == whole.answer.finish
        third = asking.provider.resume(
            SPEC,
            greedy(question, LENGTH),
            request=again,
            received=rest.raw[: len(rest.raw) // 2],
            request_id="t-3",
        )
        if third is not None:
            assert whole.answer.text.endswith((await asking.send(third)).answer.text)
    assert resumed >= 5
