"""Where a continuation begins, behind remarks, fences that are opened again, quotes and dots."""

import re
from dataclasses import dataclass

from shared.models.splice import remark
from shared.models.splice.ending import Sent

_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)(?P<end>\n|\Z)")
_WRAPPER = frozenset({"markdown", "md", "text", "txt", "plaintext", "plain"})
_DOTS = re.compile(r"\s*(?:\.{3}|…)\s*")
_QUOTED = 240
"""Code points in which a quotation that an author makes is over."""
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“", "「": "」"}


@dataclass(frozen=True, slots=True)
class Opening:
    """What precedes a continuation: `size` code points, with a remark or not. `closer` is what ends it then."""

    size: int
    told: bool = False
    closer: str = ""


def opening(sent: Sent, text: str, *, json: bool, final: bool) -> Opening | None:
    """How the continuation begins; None where that can't be said yet."""
    size = remark.length(text, whole=sent.at_sentence and not json, final=final)
    if size is None:
        return None
    told, closer = size > 0, ""
    fence = _fence(sent, text[size:], told=told, json=json, final=final)
    if fence is None:
        return None
    if fence:
        size += fence
        closer = "" if sent.fenced and not json else "```"
    elif not sent.fenced and not json:
        if told and (quote := text[size : size + 1]) in _QUOTES and sent.text.count(quote) % 2 == 0:
            end = text.find(_QUOTES[quote], size + 1)
            open_end = end < 0 or not text[end + 1 :].strip()
            if open_end and not final and len(text) - size < _QUOTED:
                return None
            # Quotation marks round a part of it are the author's.
            if open_end:
                size, closer = size + 1, _QUOTES[quote]
        if sent.text[-1:].isspace() and not sent.text.rstrip().endswith((".", "…")):
            found = _DOTS.match(text[size:])
            size += found.end() if found else 0
    if not text[size:].strip() and not final:
        return None
    return Opening(size, told or bool(fence), closer)


def _fence(sent: Sent, text: str, *, told: bool, json: bool, final: bool) -> int | None:
    """The length of a line that opens a code fence which is open already, or one round everything; 0 for none, None
    where the line is not whole. A fence without a language closes the one that is open."""
    bare = text.strip()
    if not final and bare and not bare.strip("`~") and len(bare) < 3:
        return None
    found = _FENCE.match(text)
    if found is None:
        return 0
    if not found["end"] and not final:
        return None
    top = text.lstrip()
    line = len(top) - len(text) + found.end()
    if sent.text.lstrip().startswith(top[: line + 12]):
        if len(top) < line + 12 and not final:
            return None
        # It is the answer again, which begins with a fence.
        return 0
    info = found["info"].strip().casefold()
    if json:
        opens = info in ("", "json") or info in _WRAPPER
    elif sent.fenced:
        after = text[found.end() :][:1]
        if told and not info and not after and not final:
            return None
        # Behind a remark, a fence before a line of code opens the one that is open; it closes it before a blank line.
        opens = bool(info) or (told and after not in ("", "\r", "\n"))
    else:
        opens = info in _WRAPPER or (
            not info and not (sent.at_line or sent.at_sentence or sent.line.endswith(":"))
        )
    return found.end() if opens else 0
