"""Modal's side of the ports: adapters that import `modal`, and what the deployed functions run."""
