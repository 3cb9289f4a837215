"""Tenants, API keys and principals."""
