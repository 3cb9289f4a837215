"""Joins the text of a leg that goes on to the text that readers already have (design law 5). Text only: no I/O, no
clock.

sent ── Unfinished ──▶ readers            what the first leg wrote, but for a word that its end may have cut
sent, continuation ── Seam ──▶ readers    what the next leg wrote, without what it said again
"""

from shared.models.splice.asking import continuation, prefixed
from shared.models.splice.seam import Joined, Seam, joined
from shared.models.splice.unfinished import Unfinished

__all__ = ["Joined", "Seam", "Unfinished", "continuation", "joined", "prefixed"]
