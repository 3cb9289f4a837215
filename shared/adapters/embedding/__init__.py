"""Embedders: one on this machine, one behind a provider's HTTP."""
