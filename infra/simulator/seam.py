"""Goes on with a text that was cut, as an exact continuation or with the faults that real models have at the
seam."""

import re
from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache

from infra.simulator import brief, catalogue, intent, prose
from infra.simulator.answer import Ask, Turn

STYLES = ("exact", "echo", "repeat", "preamble", "restart", "space")
_REPEATED_WORDS = 8
_PREAMBLE = "Continuing from where I stopped:\n\n"
_SENT = re.compile(r"(?i)(?:partial|sent|so[_-]far|text|answer|draft|written|prefix)[\w-]*|```|\"\"\"")


_OBJECTS: OrderedDict[str, None] = OrderedDict()
_KEPT_OBJECTS = 512


def remember(text: str) -> None:
    """Keeps a structured answer: unlike prose it can't be written again from the conversation without its schema."""
    _OBJECTS[text] = None
    if len(_OBJECTS) > _KEPT_OBJECTS:
        _OBJECTS.popitem(last=False)


def written(sent: str) -> str | None:
    """The latest structured answer that begins like `sent`."""
    start = sent.strip()
    return next((text for text in reversed(_OBJECTS) if start and text.startswith(start)), None)


def asked(ask: Ask) -> tuple[tuple[Turn, ...], str] | None:
    """The conversation without its continuation request and the text so far, or None where none is asked for."""
    if ask.prefill:
        return ask.turns, ask.prefill
    turns = ask.turns
    if not turns or turns[-1].role != "user" or not intent.continues(turns):
        return None
    if len(turns) > 1 and turns[-2].role == "assistant" and turns[-2].text:
        return turns[:-2], turns[-2].text
    carried = brief.blocks(turns[-1].text)
    found = max((content for tag, content in carried if _SENT.fullmatch(tag)), key=len, default="")
    if not found:
        return None
    return turns[:-1] or turns, found


def go_on(ask: Ask, turns: tuple[Turn, ...], sent: str, style: str = "exact") -> str:
    """The rest of what a model of the catalogue would have written, where `sent` is a start of it.

    Where it is not, the answer this model would give, from about where `sent` ends, at a sentence.
    """
    full = ""
    rest = _known_rest(turns, sent)
    if rest is None and (known := written(sent)) is not None:
        rest = known[len(sent) :] if known.startswith(sent) else known[len(sent.strip()) :]
        full = known
    if rest is None:
        rest = _own_rest(ask, turns, sent)
    if style == "echo":
        return sent + rest
    if style == "restart":
        return full or _full(turns, ask.model.id, ask.model.provider)
    if style == "repeat":
        tail = re.findall(r"\S+\s*", sent)[-_REPEATED_WORDS:]
        return "".join(tail) + rest
    if style == "preamble":
        return _PREAMBLE + rest
    if style == "space":
        return " " + rest.lstrip()
    return rest


@lru_cache(maxsize=512)
def _full(turns: tuple[Turn, ...], model_id: str, provider: str) -> str:
    model = catalogue.find(provider, model_id)
    if model is None:
        return ""
    return prose.write(turns, Ask(model, turns).seed())


def _known_rest(turns: tuple[Turn, ...], sent: str) -> str | None:
    tail = sent[-80:]
    for model in catalogue.writers():
        full = _full(turns, model.id, model.provider)
        if full.startswith(sent):
            return full[len(sent) :]
        trimmed = sent.rstrip()
        if full.startswith(trimmed):
            return full[len(trimmed) :].lstrip()
        if len(tail) >= 40 and tail in full:
            return full[full.index(tail) + len(tail) :]
    return None


def _own_rest(ask: Ask, turns: tuple[Turn, ...], sent: str) -> str:
    full = prose.write(turns, replace(ask, turns=turns).seed())
    if len(sent) >= len(full):
        return "" if sent.rstrip().endswith((".", "!", "?")) else "."
    ahead = re.search(r"[.!?]\s+", full[len(sent) :])
    rest = full[len(sent) + ahead.end() :] if ahead else full[len(sent) :]
    ended = sent.rstrip()[-1:] in {".", "!", "?", ":"} or sent.endswith("\n")
    return (rest if sent.endswith(("\n", " ")) else " " + rest) if ended else f". {rest}"
