"""Pairs of prompts for the near tier: what must not be served for one another, and what should be.

`dev.txt` was there while the verifier was written; `held.txt` was written after it, with other sentences and words, and
the verifier was not changed for its sake, save where `held.txt` says so.
"""
