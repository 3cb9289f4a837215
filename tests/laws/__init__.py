"""Properties, generated."""
