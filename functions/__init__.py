"""Deployable 1, CPU: parse, call `shared`, render. No rules, no SQL, no vendor SDK."""
