"""Documents: quote, create, follow, replay, rerun."""
