"""A stream that is cut at any byte, in every wire format: the reader has the text whole, and once."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.simulator import Fault
from shared.core.faults import Cut
from shared.core.model_spec import ModelSpec
from shared.core.prompt import Prompt, ask
from shared.core.schema import Schema
from tests.chaos.indoors import Indoors, Split, at_once, by_event, told
from tests.contract.llm.specs import FLASH, HAIKU, LLAMA, LUNA, ONE_EACH, SOL, SONAR

CANONICAL = "A harbour lives tide by tide, tide by tide:\n\n- the quay, 港湾\n- naïve gulls 🐦\n\n1. It ebbs; it ebbs."
"""Repeats itself on purpose, has a list, letters of two to four bytes, and ends with a full stop."""
PROMPT = ask(f'Reply with exactly: "{CANONICAL}"', max_output=300)
PIER = Schema(
    "pier",
    {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "metres": {"type": "integer"},
            "boats": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3},
        },
        "required": ["name", "metres", "boats"],
        "additionalProperties": False,
    },
)
ENOUGH = 5
"""Words of an answer by which a repetition of it can be told from a new sentence."""
KEPT = (replace(FLASH, resume=True), replace(SOL, resume=True))


def other(spec: ModelSpec) -> ModelSpec:
    """A model of another provider, without exact continuation."""
    return HAIKU if spec.wire != "anthropic" else LUNA


def spelled(text: str) -> list[str]:
    """The words of a text, punctuation at their ends included."""
    return re.sub(r"\s+(?=[:,.;])", "", text).split()


async def whole(spec: ModelSpec, prompt: Prompt = PROMPT, fault: Fault | None = None) -> bytes:
    """The body that the cuts are made in."""
    indoors = Indoors()
    return indoors.body(indoors.prepare(spec, prompt, stream=True, request_id=""), fault)[1]


def edges(body: bytes, stride: int) -> list[int]:
    """Places to cut at: before, within and after each end of an event, within each letter of several bytes, and every
    so many bytes of all the rest."""
    ends = {at for found in re.finditer(rb"\n\n", body) for at in range(found.start(), found.end() + 1)}
    letters = {at for at, byte in enumerate(body) if byte >= 0x80}
    return sorted({*range(0, len(body), stride), *ends, *letters} - {len(body)})


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
@pytest.mark.parametrize("split", [at_once, by_event])
async def test_another_provider_goes_on(spec: ModelSpec, split: Split) -> None:
    """By instruction, on a provider that can do no more: whole, once, no restart; the cut leg is told as cut."""
    body = await whole(spec)
    indoors = Indoors(split=split)
    stride = 1 if split is at_once else 7
    for at in range(0, len(body), stride):
        got = await told(indoors.again(at), PROMPT, spec, other(spec))
        assert got.fault is None, (at, got.fault)
        assert got.text == CANONICAL, (at, got.joins)
        assert not got.restarts, at
        assert got.legs[-1].fault is None, at
        assert all(isinstance(leg.fault, Cut) for leg in got.legs[:-1]), at
        assert len(got.legs) == len(got.why) <= 2, at


@pytest.mark.parametrize("spec", [LUNA, SONAR, HAIKU], ids=lambda spec: spec.wire)
async def test_vllm_continues_the_unfinished_message(spec: ModelSpec) -> None:
    """The local model goes on from the very text: nothing has to be aligned."""
    body = await whole(spec)
    indoors = Indoors()
    ways = set()
    for at in range(0, len(body), 3):
        got = await told(indoors.again(at), PROMPT, spec, LLAMA)
        assert (got.text, got.restarts, got.fault) == (CANONICAL, 0, None), (at, got.joins)
        ways.update(got.joins)
    assert ways == {"prefix"}


@pytest.mark.parametrize("spec", KEPT, ids=lambda spec: spec.wire)
async def test_the_same_response_is_taken_up(spec: ModelSpec) -> None:
    """Where the provider keeps it, by the provider itself: no other model is asked once something can be kept."""
    pace = Fault("pace", checkpoints=1)
    body = await whole(spec, fault=pace)
    indoors = Indoors(first=pace)
    joins: list[str] = []
    for at in range(0, len(body), 1 if spec.wire == "gemini" else 5):
        got = await told(indoors.again(at), PROMPT, spec, other(spec))
        assert (got.text, got.restarts, got.fault) == (CANONICAL, 0, None), (at, got.joins)
        joins += got.joins
    assert joins.count("resumed") > len(joins) * 3 // 4
    assert set(joins) <= {"resumed", "continued", "exact"}


@pytest.mark.parametrize("split", [at_once, by_event])
async def test_vllm_goes_on_from_its_own_tokens(split: Split) -> None:
    """Wherever a stream of vLLM breaks: the same model goes on by token ids, to the letter."""
    spec = replace(LLAMA, resume=True)
    body = await whole(spec)
    indoors = Indoors(split=split)
    joins: list[str] = []
    for at in edges(body, 5) if split is at_once else range(0, len(body), 29):
        got = await told(indoors.again(at), PROMPT, spec, HAIKU)
        assert (got.text, got.restarts, got.fault) == (CANONICAL, 0, None), (at, got.joins)
        joins += got.joins
        if "resumed" in got.joins:
            assert indoors.sent[-1].url == "http://indoors/completions"
            assert [leg.spec.name for leg in got.legs] == [spec.name] * 2, at
    assert joins.count("resumed") > len(joins) * 9 // 10
    assert set(joins) <= {"resumed", "continued", "exact"}


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
@pytest.mark.parametrize("style", ["echo", "repeat", "preamble", "space"])
async def test_seams_as_models_make_them(spec: ModelSpec, style: str) -> None:
    """A fallback that says it all again, repeats the end, announces itself or begins with a space: whole and once all
    the same, wherever there is enough to know it by. (Which white space a space stands for can't be known, and some
    languages have one before a colon.)"""
    body = await whole(spec)
    indoors = Indoors(fault=Fault("seam", style=style))
    compared: Callable[[str], object] = spelled if style == "space" else str
    for at in range(0, len(body), 31):
        before = (await told(indoors.again(at, 0), PROMPT, spec, replace(spec, name="nobody"))).text
        if style != "preamble" and before and len(before.split()) < ENOUGH:
            continue
        got = await told(indoors.again(at), PROMPT, spec, other(spec))
        assert compared(got.text) == compared(CANONICAL), (before, got.joins)
        assert (got.restarts, got.fault) == (0, None), (before, got.joins)


@pytest.mark.parametrize("fallback", [HAIKU, LLAMA], ids=lambda spec: spec.wire)
@pytest.mark.parametrize("spec", [LUNA, FLASH, SONAR], ids=lambda spec: spec.wire)
async def test_json_stays_json(spec: ModelSpec, fallback: ModelSpec) -> None:
    """A structured answer, cut anywhere: one JSON text that fits its schema, no doubled space in its strings, and no
    restart."""
    prompt = replace(ask("Describe a pier.", max_output=400), schema=PIER)
    indoors = Indoors()
    body = indoors.body(indoors.prepare(spec, prompt, stream=True, request_id=""))[1]
    for at in range(0, len(body), 17):
        got = await told(indoors.again(at), prompt, spec, fallback)
        assert not PIER.problems(json.loads(got.text)), (at, got.text)
        assert "  " not in got.text, (at, got.joins)
        assert (got.restarts, got.fault) == (0, None), (at, got.joins)


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_two_breaks_in_a_row(spec: ModelSpec) -> None:
    """The fallback breaks as well, and a third model ends the answer."""
    body = await whole(spec)
    second = len(await whole(other(spec)))
    indoors = Indoors()
    third = replace(LUNA, name="third") if other(spec) is not LUNA else LLAMA
    for at in range(0, len(body), 41):
        got = await told(indoors.again(at, at * 17 % second), PROMPT, spec, other(spec), third)
        assert (got.text, got.restarts, got.fault) == (CANONICAL, 0, None), (at, got.joins)


@pytest.mark.parametrize("spec", ONE_EACH, ids=lambda spec: spec.wire)
async def test_a_lone_model_is_asked_again(spec: ModelSpec) -> None:
    """A connection that broke says little of its model: with nobody else there, it goes on itself."""
    body = await whole(spec)
    indoors = Indoors()
    for at in range(0, len(body), 41):
        got = await told(indoors.again(at), PROMPT, spec)
        if not got.text:  # nothing had gone out: the caller may ask again as well as we
            assert isinstance(got.fault, Cut)
            continue
        assert (got.text, got.restarts, got.fault) == (CANONICAL, 0, None), (at, got.joins)
