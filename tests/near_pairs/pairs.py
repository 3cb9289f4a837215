"""The generator: data files of templates to pairs, the same ones for the same seed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from random import Random

from shared.recall.near.words import is_name, is_word

PLACE = Path(__file__).parent
SEED = 4


@dataclass(frozen=True)
class Pair:
    """Two prompts; `kind` says what differs (negatives) or by what they were made (positives)."""

    kind: str
    a: str
    b: str


@dataclass
class _Block:
    templates: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    values: list[tuple[str, str]] = field(default_factory=list)

    def pairs(self, kind: str) -> Iterator[Pair]:
        for template, (one, other) in product(self.templates, self.values):
            for subject in self.subjects if "{s}" in template else [""]:
                text = template.replace("{s}", subject)
                if "{1}" in text:
                    a, b = (text.replace("{0}", x).replace("{1}", y) for x, y in ((one, other), (other, one)))
                else:
                    a, b = (text.replace("{}", x) for x in (one, other))
                yield Pair(kind, a, b)


def negatives(name: str) -> list[Pair]:
    """All pairs of a data file (`dev`, `held`) that must not be served for one another; each once."""
    found: dict[tuple[str, str], Pair] = {}
    kind, block = "", _Block()
    lines = (PLACE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    for line in [*lines, "[end]"]:
        starts = line.startswith("[") or (line.startswith("t ") and block.values)
        if starts:
            for pair in block.pairs(kind):
                found.setdefault((pair.a, pair.b), pair)
            block = _Block()
        if line.startswith("["):
            kind = line.strip("[]")
        elif line.startswith("t "):
            block.templates.append(line[2:])
        elif line.startswith("s "):
            block.subjects += line[2:].split("; ")
        elif line.startswith("v "):
            for value in line[2:].split("; "):
                one, _, other = value.replace("_", " ").partition("/")
                block.values.append((one, other))
        elif line.startswith("p "):
            one, other = line[2:].split(" || ")
            found[one, other] = Pair(kind, one, other)
    return [pair for pair in found.values() if pair.a != pair.b]


def sentences(name: str) -> list[str]:
    """The sentences that positives are made of."""
    return (PLACE / f"{name}_sentences.txt").read_text(encoding="utf-8").splitlines()


_ROW = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]


def _beside(sign: str, chance: Random) -> str:
    row = next(row for row in _ROW if sign in row)
    at = row.index(sign)
    return chance.choice([row[place] for place in (at - 1, at + 1) if 0 <= place < len(row)])


def _mistyped(word: str, chance: Random) -> str:
    at = chance.randrange(len(word) - 1)
    return chance.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[: at + 1] + word[at + 2 :],
            word[:at] + word[at] * 2 + word[at + 1 :],
            word[:at] + _beside(word[at], chance) + word[at + 1 :],
        ]
    )


def typos(name: str, count: int) -> list[Pair]:
    """Sentences, and the same with one slip in one word of four letters or more, that makes no other word."""
    chance = Random(f"{SEED}{name}")
    found: dict[tuple[str, str], Pair] = {}
    base = sentences(name)
    while len(found) < count:
        text = chance.choice(base)
        words = list(re.finditer(r"(?<![\w'-])[a-z]{4,}(?![\w'-])", text))
        if not words:
            continue
        word = chance.choice(words)
        wrong = _mistyped(word[0], chance)
        if wrong == word[0] or is_word(wrong) or is_name(wrong):
            continue
        b = text[: word.start()] + wrong + text[word.end() :]
        found[text, b] = Pair("typo", text, b)
    return list(found.values())


def trivial(name: str, count: int) -> list[Pair]:
    """Sentences and the same with other manners, marks at the end, case, spaces, contractions, spelling or digits."""
    chance = Random(f"{SEED}{name}trivial")
    manners = [line.split("|") for line in (PLACE / f"{name}_manners.txt").read_text("utf-8").splitlines()]
    found: dict[tuple[str, str], Pair] = {}
    for text in sentences(name):
        for kind, before, after in manners:
            b = _dressed(text, kind, before, after)
            if b is not None and b != text:
                found[text, b] = Pair(f"trivial {kind}", text, b)
    for line in (PLACE / f"{name}_spellings.txt").read_text("utf-8").splitlines():
        one, other = line.split(" || ")
        found[one, other] = Pair("trivial spelling", one, other)
    pairs = list(found.values())
    chance.shuffle(pairs)
    assert len(pairs) >= count
    return pairs


def _dressed(text: str, kind: str, before: str, after: str) -> str | None:
    plain = text.rstrip("?.! ")
    if kind == "wish":  # only before a wish: `Could you explain …`
        if text.endswith("?"):
            return None
        return before + plain[0].lower() + plain[1:] + after
    if kind == "any" or (kind == "question" and text.endswith("?")):
        return before + (text[0].lower() + text[1:] if before else text) + after
    if kind == "ends":
        return plain + after
    if kind == "lower":
        return text[0].lower() + text[1:]
    if kind == "spaces":
        return text.replace(" ", "  ", 2) + "  "
    return None


def paraphrases(name: str) -> list[Pair]:
    """Pairs of openers over subjects, and whole pairs by hand."""
    found: list[Pair] = []
    subjects: list[str] = []
    for line in (PLACE / f"{name}_paraphrases.txt").read_text("utf-8").splitlines():
        if line.startswith("s "):
            subjects = line[2:].split("; ")
            continue
        one, other = line.split(" || ")
        for subject in subjects if "{s}" in line else [""]:
            found.append(Pair("paraphrase", one.replace("{s}", subject), other.replace("{s}", subject)))
    return found
