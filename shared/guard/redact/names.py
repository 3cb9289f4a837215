"""Placeholders that can be taken back: `⟦EMAIL_1⟧` for a value, the same wherever the value stands again."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"⟦[A-Z][A-Z_]{1,23}_[0-9]{1,6}(?:\.[0-9]{1,4})?⟧")
"""At most 38 code points."""
_SEPARATORS = re.compile(r"[\s.\-/()]+")
_PARTS = re.compile(r"⟦([A-Z_]+)_([0-9]+)(?:\.([0-9]+))?⟧")
_AT = re.compile(r"\s*[\[({<]\s*(?:at|ät|arroba|@)\s*[\])}>]\s*|\s+(?:at|arroba)\s+|\s*@\s*")
_DOT = re.compile(
    r"\s*[\[({<]\s*(?:dot|punkt|punto|ponto|point|\.)\s*[\])}>]\s*|\s+(?:dot|punto|punkt)\s+|\s*\.\s*"
)


class Names:
    """The placeholders of a run. Numbers go by type and first appearance; a value in another spelling (other digits,
    groups, case) has its number and a part of its own, `⟦CARD_1.2⟧`, so that every spelling comes back as it was."""

    __slots__ = ("_by_value", "_counts", "_numbers", "_spellings", "marks")

    def __init__(self, marks: Mapping[str, str] | None = None) -> None:
        """Go on with the placeholders that a run has already; what can't be a placeholder of ours is kept as it is."""
        self.marks: dict[str, str] = {}
        self._by_value: dict[tuple[str, str], str] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._spellings: dict[tuple[str, int], int] = {}
        for mark, original in (marks or {}).items():
            self.marks[mark] = original
            parts = _PARTS.fullmatch(mark)
            if parts is None:
                continue
            type_, number, spelling = parts[1], int(parts[2]), int(parts[3] or 1)
            self._by_value[type_, original] = mark
            self._numbers[type_, _same(type_, original)] = number
            self._counts[type_] = max(self._counts.get(type_, 0), number)
            self._spellings[type_, number] = max(self._spellings.get((type_, number), 0), spelling)

    def mark(self, type_: str, original: str) -> str:
        """The placeholder of a value, as it is spelled."""
        known = self._by_value.get((type_, original))
        if known is not None:
            return known
        same = type_, _same(type_, original)
        number = self._numbers.get(same)
        if number is None:
            number = self._counts.get(type_, 0) + 1
            self._counts[type_] = self._numbers[same] = number
        spelling = self._spellings.get((type_, number), 0) + 1
        self._spellings[type_, number] = spelling
        mark = f"⟦{type_}_{number}⟧" if spelling == 1 else f"⟦{type_}_{number}.{spelling}⟧"
        self._by_value[type_, original] = mark
        self.marks[mark] = original
        return mark


def _same(type_: str, original: str) -> str:
    """What two spellings of one value have in common."""
    from shared.guard.redact.shadow import fold

    plain = fold(original).text
    if type_ in {"SECRET", "JWT", "MARK"}:
        return plain
    plain = plain.lower()
    if type_ == "EMAIL":
        return _DOT.sub(".", _AT.sub("@", plain)).replace(" ", "")
    return plain if type_ == "IP" else _SEPARATORS.sub("", plain)
