"""Faults at the wire, cuts at every byte."""
