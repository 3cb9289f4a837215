"""Protocols of one to five methods, one noun a file. Adapters and fakes pass the same contract suite."""
