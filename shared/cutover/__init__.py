"""Moving a caller here from the path it used before: a share at a time, compared on the way, without downtime."""
