"""One suite a port, run on every adapter and its fake."""
