"""Recorded tapes give the same bytes."""
