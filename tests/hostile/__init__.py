"""Programs and addresses that are up to no good."""
