"""The graphs that a reader wants to see first."""
