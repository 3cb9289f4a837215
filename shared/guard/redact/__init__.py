"""Finds what must not leave the house in a text or a stream, puts placeholders for it, and takes them back. Pure.

shadow     the text with its disguises folded away, and the way back to its offsets
islands    where anything can stand, and where a stream is sure of it
recognise  the finds of an island: addresses, secrets, numbers with their checks and the words around them
engine     find, redact        stream   the same for text that comes in pieces
names      placeholders        restoring   the way back

The engine is imported where it is used: its tables and patterns take 40 ms of a cold start (design law 13).
"""
