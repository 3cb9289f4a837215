"""Deploying: small steps, each with a message and, where it changes something, its undoing."""
