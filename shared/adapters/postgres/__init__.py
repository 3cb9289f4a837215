"""Postgres behind the ports; SQL lives in `queries/*.sql`."""
