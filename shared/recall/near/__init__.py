"""Near hits: whether the answer to one wording of a question may be served for another.

`content.py` names a text by its words in order, `verify.py` compares two texts, `bound.py` says when too many were
wrong. Everything that differs must be explained as harmless; nothing is let through since it looks alike (law 9).
"""
