"""Two answers to one request, measured against each other. No model judges: it runs for every mirrored request.

Two good answers to one question share little of their wording, so words are only counted; what decides is whether a
program that reads the one could read the other.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

import orjson

from shared.core.faults import UnknownModel
from shared.core.ids import TraceId
from shared.core.money import Micros
from shared.core.usage import Usage
from shared.cutover.captured import Asked, Capture
from shared.cutover.reading import Said, read
from shared.models.catalogue import Catalogue
from shared.ports.comparisons import Comparison, Side

LENGTHS = 2.0
"""An answer more than so many times as long as the other is another answer."""
_WORDS = re.compile(r"\w+|[^\w\s]")
_SHORT = 40
"""Characters under which lengths say nothing: `Yes.` and `Yes, it is.`"""
_COUNTED = 20_000
"""Characters of each text whose words are counted: some 4 ms."""
_SAMPLE = 4_000
"""Characters of a text that is kept."""


def compared(asked: Asked, ours: Capture, theirs: Capture, catalogue: Catalogue) -> Comparison:
    """The row on a pair. Half a millisecond for a short answer, some ten for the longest."""
    our_words, their_words = _said(ours), _said(theirs)
    our_side = _side(ours, our_words, ours.cost if ours.cost is not None else our_words.cost)
    price = _price(catalogue, asked, their_words)
    their_side = _side(theirs, their_words, price)
    why = _differences(our_words, their_words) if not (our_side.fault or their_side.fault) else "not answered"
    return Comparison(
        tenant=asked.tenant,
        trace=TraceId(ours.trace),
        at=asked.at,
        path=asked.path,
        model=asked.model,
        first=asked.first,
        ours=our_side,
        theirs=their_side,
        agrees=not why,
        why=why,
        similarity=round(similarity(our_words.words, their_words.words), 3) if why != "not answered" else 0.0,
        sample=_sample(our_words, their_words) if asked.keep else None,
    )


def similarity(one: str, other: str) -> float:
    """0 to 1: twice the words in common by the words of both, each as often as it occurs (Dice). 1 for equal texts."""
    if _plain(one) == _plain(other):
        return 1.0
    first, second = (Counter(_WORDS.findall(text[:_COUNTED].lower())) for text in (one, other))
    total = first.total() + second.total()
    # Words in another order are not the same text.
    return min(2 * (first & second).total() / total, 0.999) if total else 0.0


def _said(capture: Capture) -> Said:
    if not capture.body:
        return Said(fault=capture.fault or "empty")
    said = read(capture.body, events=capture.events)
    if capture.status >= 400:
        said.fault = said.fault if said.fault not in ("", "cut", "malformed") else "error"
    said.fault = capture.fault or said.fault
    return said


def _side(capture: Capture, said: Said, cost: int | None) -> Side:
    text = said.words
    fault = said.fault and (f"{capture.status} {said.fault}" if capture.status >= 400 else said.fault)
    return Side(
        model=(capture.model or said.model)[:200],
        status=capture.status,
        fault=fault,
        first_ms=None if fault else _when(capture, said.first_at),
        total_ms=capture.total_ms,
        cost=None if cost is None else Micros(cost),
        finish=said.finish[:40],
        size=len(text),
        digest=sha256(_plain(text).encode("utf-8", "replace")).hexdigest()[:32] if text else "",
    )


def _when(capture: Capture, first_at: int | None) -> int | None:
    if first_at is None:
        return None
    return next((ms for size, ms in capture.marks if size >= first_at), capture.total_ms)


def _price(catalogue: Catalogue, asked: Asked, said: Said) -> int | None:
    """What the old path's answer costs by our price book; None where it does not know the model, or no usage came."""
    if said.usage is None:
        return None
    for name in (said.model, re.sub(r"-20\d\d-?\d\d-?\d\d$", "", said.model), asked.model):
        cost = _cost(catalogue, name, said.usage, asked.at)
        if cost is not None:
            return cost
    return None


def _cost(catalogue: Catalogue, name: str, usage: Usage, at: datetime) -> int | None:
    try:
        return catalogue.get(name).cost(usage, at)
    except (UnknownModel, LookupError):
        return None


def _differences(ours: Said, theirs: Said) -> str:
    """What a program would stumble over, in words; empty where nothing."""
    found = []
    if ours.finish != theirs.finish:
        found.append(f"ended with {ours.finish}, not {theirs.finish}")
    if ours.tools != theirs.tools:
        found.append(_tools(ours, theirs))
    mine, other = ours.words.strip(), theirs.words.strip()
    shape, wanted = _json(mine), _json(other)
    if wanted is not None and shape is None:
        found.append("no valid JSON")
    elif wanted is not None and shape != wanted:
        found.append("JSON with other fields")
    elif wanted is None and max(len(mine), len(other)) > _SHORT:
        ratio = len(mine) / max(len(other), 1)
        if not 1 / LENGTHS <= ratio <= LENGTHS:
            found.append(f"{ratio:.2g} times as long")
    return "; ".join(found)


def _tools(ours: Said, theirs: Said) -> str:
    names, wanted = ([name for name, _ in said.tools] for said in (ours, theirs))
    if names == wanted:
        return f"other arguments for {', '.join(sorted(set(names)))}"
    return f"called {', '.join(names) or 'no tool'}, not {', '.join(wanted) or 'none'}"


def _json(text: str) -> object:
    """The shape of a JSON object or array: its field names (of an array, of its first item); None for what is none."""
    if not text.startswith(("{", "[")):
        return None
    try:
        value = orjson.loads(text)
    except ValueError:
        return None
    if isinstance(value, list):
        value = value[0] if value else None
        return ("list", *sorted(value)) if isinstance(value, dict) else ("list",)
    return tuple(sorted(value))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _sample(ours: Said, theirs: Said) -> Mapping[str, str]:
    return {
        "ours": ours.words.replace("\x00", "�")[:_SAMPLE],
        "theirs": theirs.words.replace("\x00", "�")[:_SAMPLE],
    }
