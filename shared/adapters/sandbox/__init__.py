"""Where plugins run: in an interpreter of their own beside us, or in a container."""
