"""Redis behind the ports; nothing newer than Redis 6.2."""
