"""What a prompt is called: the same words give one name to one tenant, anything that can change the answer another."""

import io
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest

from infra.cli import fingerprint as cli
from shared.core.ids import TenantId
from shared.core.prompt import Image, Message, Prompt, Tool, ToolCall, ToolChoice
from shared.core.schema import Schema
from shared.recall.fingerprint import (
    Fingerprinter,
    canonical_prompt,
    digest,
    frame_parts,
    key_parts,
    last_words,
)
from shared.recall.normalise import normalise

HOUSE = Fingerprinter(b"a secret of the house, long enough")
A, B = TenantId("tnt_a"), TenantId("tnt_b")
PROMPT = Prompt(
    (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Yes?"),
        Message("user", "Why does tea cool?"),
    )
)
CHANGED: dict[str, Any] = {
    "messages": PROMPT.messages[1:],
    "max_output": 10,
    "schema": Schema("x", {"type": "object"}),
    "json_object": True,
    "tools": (Tool("look"),),
    "tool_choice": ToolChoice("required"),
    "parallel_tool_calls": False,
    "stop": ("\n",),
    "temperature": 0.0,
    "top_p": 0.5,
    "seed": 1,
    "effort": "low",
    "continue_final": True,
}


def key(
    prompt: Prompt = PROMPT, choice: str = "auto", policy: str = "p", template: str = "", tenant: TenantId = A
) -> bytes:
    """The exact key."""
    return HOUSE.key(tenant, key_parts(prompt, choice, policy, template))


def frame(prompt: Prompt) -> bytes:
    """The frame's key."""
    return HOUSE.key(A, frame_parts(prompt, "auto", "p"))


def test_a_key_is_the_same_for_the_same_request_and_32_bytes_long() -> None:
    """Also when it is asked by an equal object, and whatever the order of the parts."""
    assert (
        key()
        == key(replace(PROMPT))
        == Fingerprinter(b"a secret of the house, long enough").key(
            A, dict(reversed(key_parts(PROMPT, "auto", "p").items()))
        )
    )
    assert len(key()) == 32


@pytest.mark.parametrize("field", [field.name for field in fields(Prompt)])
def test_every_field_of_a_prompt_is_in_the_key_and_in_the_frame(field: str) -> None:
    """A field that is added to a prompt has to be given a value here."""
    other = replace(PROMPT, **{field: CHANGED[field]})
    assert key(other) != key()
    assert frame(other) != frame(PROMPT)


@pytest.mark.parametrize(
    "other",
    [
        key(choice="gpt-6-luna"),
        key(policy="q"),
        key(template="article/2"),
        key(tenant=B),
        HOUSE.key(A, key_parts(PROMPT, "auto", "p", n=2)),
        Fingerprinter(b"another secret, long enough").key(A, key_parts(PROMPT, "auto", "p")),
        frame(PROMPT),
    ],
)
def test_whatever_can_change_an_answer_changes_the_key(other: bytes) -> None:
    """Model, policy, template, tenant, secret, and what else the caller names."""
    assert other != key()


def test_a_message_is_in_the_key_with_all_its_parts() -> None:
    """Its role, name, images, calls and the call that it answers, and where one message ends."""
    plain = Prompt((Message("user", "ab"),))
    others = [
        Prompt((Message("assistant", "ab"),)),
        Prompt((Message("user", "ab", name="x"),)),
        Prompt((Message("user", "ab", (Image("https://a.example/1"),)),)),
        Prompt((Message("user", "ab", (Image("https://a.example/1", "low"),)),)),
        Prompt((Message("user", "ab", tool_calls=(ToolCall("1", "f", "{}"),)),)),
        Prompt((Message("user", "ab", tool_calls=(ToolCall("1", "f", "{ }"),)),)),
        Prompt((Message("user", "ab", tool_call_id="1"),)),
        Prompt((Message("user", "a"), Message("user", "b"))),
    ]
    keys = [key(prompt) for prompt in [plain, *others]]
    assert len(set(keys)) == len(keys)


def test_the_order_of_a_schemas_properties_is_part_of_the_key() -> None:
    """Models write members in that order."""
    first, last = ({"type": "object", "properties": {a: {}, b: {}}} for a, b in ("ab", "ba"))
    assert key(replace(PROMPT, schema=Schema("x", first))) != key(replace(PROMPT, schema=Schema("x", last)))


@pytest.mark.parametrize("odd", ["\ud800", "\udfff x"])
def test_half_a_character_has_a_key_too(odd: str) -> None:
    """Keys are total."""
    assert key(replace(PROMPT, stop=(odd,))) != key(replace(PROMPT, stop=("\ufffd",)))
    assert len(digest(odd)) == 64


def test_a_number_of_any_size_has_a_key_too() -> None:
    """A schema may hold one of more than 64 bits, and two of them differ."""
    bounds = [Schema("x", {"type": "integer", "maximum": 2**70 + more}) for more in (0, 1)]
    assert key(replace(PROMPT, schema=bounds[0])) != key(replace(PROMPT, schema=bounds[1]))


def test_a_frame_leaves_out_the_last_users_words_and_no_others() -> None:
    """And two frames are one only where the same message is open."""
    *head, last = PROMPT.messages
    assert frame(replace(PROMPT, messages=(*head, replace(last, text="Why is tea cool?")))) == frame(PROMPT)
    for index in range(3):
        texts = [*PROMPT.messages]
        texts[index] = replace(texts[index], text="Another")
        assert frame(replace(PROMPT, messages=tuple(texts))) != frame(PROMPT)
    called = replace(PROMPT, messages=(*PROMPT.messages, Message("assistant", "Heat")))
    assert frame(called) != frame(PROMPT)
    assert last_words(PROMPT) == "Why does tea cool?"
    assert last_words(Prompt((Message("system", "x"),))) == ""


def test_a_short_secret_is_refused() -> None:
    """Sixteen bytes are the least."""
    Fingerprinter(b"x" * 16)
    with pytest.raises(ValueError, match="16 bytes"):
        Fingerprinter(b"x" * 15)


def test_a_canonical_prompt_is_left_alone() -> None:
    """The same object: the usual case costs nothing but looking."""
    assert canonical_prompt(PROMPT) is PROMPT


def test_every_text_is_put_in_order_and_nothing_else_is() -> None:
    """Arguments, addresses, schemas and tools stay to the byte."""
    odd = "a\u200b  b"
    prompt = Prompt(
        (
            Message("system", odd),
            Message("user", odd, (Image(f"https://a.example/{odd}"),)),
            Message("assistant", odd, tool_calls=(ToolCall("1", "f", f'"{odd}"'),)),
            Message("tool", odd, tool_call_id="1"),
        ),
        tools=(Tool("f", odd, {"description": odd}),),
        stop=(odd,),
    )
    found = canonical_prompt(prompt)
    assert [message.text for message in found.messages] == ["a b"] * 4
    bare = tuple(replace(message, text="") for message in found.messages)
    assert replace(found, messages=bare) == replace(
        prompt, messages=tuple(replace(message, text="") for message in prompt.messages)
    )


def test_a_message_that_is_to_be_continued_keeps_its_end() -> None:
    """Its last space is where the model goes on; those before it are prompts like others."""
    prompt = Prompt((Message("user", "Go "), Message("assistant", "The  answer is ")), continue_final=True)
    found = canonical_prompt(prompt)
    assert [message.text for message in found.messages] == ["Go", "The  answer is "]


def lines(raw: bytes) -> tuple[int, list[Mapping[str, Any]]]:
    """The exit code and the answers of the filter."""
    target = io.BytesIO()
    code = cli.main(io.BytesIO(raw), target)
    return code, [json.loads(line) for line in target.getvalue().splitlines()]


def test_the_filter_names_every_line_and_echoes_it() -> None:
    """Equal prompts have equal names; the name is the digest of what is sent."""
    rows = [{"id": 1, "text": "cafe\u0301\u200b "}, {"id": 2, "text": "café"}, {"text": "\ud800"}]
    code, found = lines(b"\n".join(json.dumps(row).encode() for row in rows))
    assert code == 0
    assert [row.get("id") for row in found] == [1, 2, None]
    assert found[0]["text"] == "cafe\u0301\u200b "
    assert found[0]["normalised"] == found[1]["normalised"] == "café"
    assert found[0]["fingerprint"] == found[1]["fingerprint"] == digest("café") != found[2]["fingerprint"]


def test_a_name_is_the_same_anywhere_and_always() -> None:
    """SHA-256 of the canonical text in UTF-8, so that another machine's can be compared."""
    assert digest(normalise("Hello ")) == "185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969"


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"text": 1}', b"{}"])
def test_a_line_that_cant_be_read_is_told(bad: bytes) -> None:
    """The others are answered, and the exit code is 1."""
    code, found = lines(bad + b'\n{"text": "x"}')
    assert code == 1
    assert found[0]["error"]["code"] == "unreadable_line"
    assert found[0]["fingerprint"] is None
    assert found[1]["normalised"] == "x"
