"""How well each model does each kind of work: a table that the evaluation writes, and a prior until it has.

A row of provenance `prior` is a guess by class of model, made without a measurement (`quality.json`).
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from shared.core.need import Work

Provenance = Literal["prior", "eval"]
_SHIPPED = Path(__file__).with_name("quality.json")
_FIELDS = ("model", "work", "score", "provenance", "n", "date")


@dataclass(frozen=True, slots=True)
class Score:
    """One cell: a score in [0, 1], from `n` cases judged on `date`; a prior has no case."""

    model: str
    work: Work
    score: float
    provenance: Provenance
    n: int
    date: date


class Quality:
    """The table. Cells that it lacks count as 0: a model that nobody knows anything of meets no need for quality."""

    def __init__(self, scores: Iterable[Score], note: str = "") -> None:
        self.scores = tuple(scores)
        self.note = note
        self._cells = {(score.model, score.work): score for score in self.scores}

    def of(self, model: str, work: Work) -> float:
        """How well a model does that work."""
        cell = self._cells.get((model, work))
        return 0.0 if cell is None else cell.score

    def cell(self, model: str, work: Work) -> Score | None:
        """The same with where it comes from."""
        return self._cells.get((model, work))

    def with_scores(self, scores: Iterable[Score]) -> "Quality":
        """The table with these cells in place of the old ones of the same model and work."""
        cells = self._cells | {(score.model, score.work): score for score in scores}
        return Quality(cells.values(), self.note)


def load(path: Path | None = None) -> Quality:
    """The table of that file, else the one that is shipped. Raises ValueError naming file, row and field."""
    path = path or _SHIPPED
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON: {error}.") from None
    rows = found.get("rows") if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise ValueError(f"{path} must hold an object with a list of 'rows'.")
    scores: dict[tuple[str, str], Score] = {}
    for number, row in enumerate(rows, 1):
        score = _score(row, f"{path}: row {number}")
        if (score.model, score.work) in scores:
            raise ValueError(f"{path}: row {number}: '{score.model}' has a row for '{score.work}' already.")
        scores[score.model, score.work] = score
    return Quality(scores.values(), str(found.get("note") or ""))


def save(quality: Quality, path: Path) -> None:
    """Write the table as `load` reads it, a row a line. The file is replaced as a whole."""
    rows = [json.dumps(asdict(score) | {"date": score.date.isoformat()}) for score in quality.scores]
    text = f'{{"note": {json.dumps(quality.note)},\n "rows": [\n  ' + ",\n  ".join(rows) + "\n ]}\n"
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _score(row: Any, where: str) -> Score:
    if not isinstance(row, dict):
        raise ValueError(f"{where} must be an object.")
    for field in _FIELDS:
        if field not in row:
            raise ValueError(f"{where}: '{field}' is missing.")
    for field in row:
        if field not in _FIELDS:
            raise ValueError(f"{where}: there is no field '{field}'.")
    model, work, score = row["model"], row["work"], row["score"]
    if not isinstance(model, str) or not model:
        raise ValueError(f"{where}: 'model' must be a name, not {model!r}.")
    if work not in get_args(Work):
        raise ValueError(f"{where}: 'work' must be one of {', '.join(get_args(Work))}, not {work!r}.")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise ValueError(f"{where}: 'score' must be a number from 0 to 1, not {score!r}.")
    if row["provenance"] not in get_args(Provenance):
        raise ValueError(f"{where}: 'provenance' must be prior or eval, not {row['provenance']!r}.")
    if isinstance(row["n"], bool) or not isinstance(row["n"], int) or row["n"] < 0:
        raise ValueError(f"{where}: 'n' must be a whole number of at least 0, not {row['n']!r}.")
    try:
        day = date.fromisoformat(row["date"])
    except (TypeError, ValueError):
        raise ValueError(f"{where}: 'date' must be a day such as 2026-11-21, not {row['date']!r}.") from None
    return Score(model, work, float(score), row["provenance"], row["n"], day)


PRIOR = load()
"""The table that is shipped."""
