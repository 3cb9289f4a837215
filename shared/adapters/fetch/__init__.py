"""Requests that plugins ask for: what may be asked, and the client that asks it."""
