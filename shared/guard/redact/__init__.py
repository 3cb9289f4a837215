"""Finds what must not leave the house in a text or a stream, puts placeholders for it, and takes them back. Pure.

shadow     the text with its disguises folded away, and the way back to its offsets
islands    where anything can stand, and where a stream is sure of it
recognise  the finds of an island: addresses, secrets, numbers with their checks and the words around them
engine     find, redact        stream   the same for text that comes in pieces
names      placeholders        restoring   the way back
"""

from shared.guard.redact.engine import ALL, Redacted, Span, find, redact
from shared.guard.redact.names import Names
from shared.guard.redact.restoring import Restorer, restore
from shared.guard.redact.stream import StreamRedactor

__all__ = ["ALL", "Names", "Redacted", "Restorer", "Span", "StreamRedactor", "find", "redact", "restore"]
