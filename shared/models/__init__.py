"""Which model answers: the catalogue, prices, and what happens when one fails."""
