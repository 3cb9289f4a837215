"""Deploying: each thing that can go wrong, and the way back."""
