"""The only vendor imports."""
