"""Everything around the product: migrations, the embedded home, the simulated providers, the command line."""
