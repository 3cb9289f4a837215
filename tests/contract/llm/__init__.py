"""Every provider behind one port: wires, readers, the HTTP client, and the suite that a new one must pass."""
