"""Postgres and Redis that come in wheels, started and stopped by the program."""
