"""Whole requests on real stores and real processes."""
