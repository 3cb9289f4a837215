"""Presidio as a further recogniser: an extra that a deployment installs (`pip install chatsmart[presidio]`)."""

from collections.abc import Sequence
from typing import Any

from shared.core.faults import OurFault
from shared.ports.recogniser import Recognised

BLANK = "blank"
"""No language model: Presidio's own patterns alone, without people and places."""
_LEAST = 0.5
"""Its usual cut. Below it every second find is wrong (research/cache-and-security.md 4)."""


class PresidioRecogniser:
    """`ports.recogniser.Recogniser`. English; `model` is a spaCy model that is installed, or `blank`: nothing is
    downloaded. Raises OurFault where Presidio or the model is not there."""

    def __init__(self, model: str) -> None:
        try:
            import spacy
            from presidio_analyzer import AnalyzerEngine
            from presidio_analyzer.nlp_engine import SpacyNlpEngine
        except ImportError:
            raise OurFault("CHATSMART_PRESIDIO is set, and presidio-analyzer is not installed.") from None
        engine: Any = SpacyNlpEngine(models=[{"lang_code": "en", "model_name": model}])
        try:
            engine.nlp = {"en": spacy.blank("en") if model == BLANK else spacy.load(model)}
        except OSError:
            raise OurFault(f"CHATSMART_PRESIDIO names '{model}', and there is no such spaCy model.") from None
        self._analyzer: Any = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])

    def find(self, text: str) -> Sequence[Recognised]:
        """See the port. Of two finds that overlap the surer one counts."""
        found = self._analyzer.analyze(text, language="en", score_threshold=_LEAST)
        kept: list[Recognised] = []
        for one in sorted(found, key=lambda one: -one.score):
            if all(one.end <= other.start or one.start >= other.end for other in kept):
                kept.append(Recognised(one.start, one.end, one.entity_type))
        return sorted(kept)
