"""The typed step graph: declared, checked at import, quoted, run, replayed and drawn."""
