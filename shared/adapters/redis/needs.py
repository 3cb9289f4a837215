"""What is asked of a Redis, all of it: each is in Redis 6.2 and in Upstash's list of what it takes."""

CLIENT = (
    "DEL", "EVAL", "EVALSHA", "EXISTS", "EXPIRE", "GET", "HDEL", "HSET", "MGET", "SET", "XADD", "XRANGE",
    "XREAD", "XREVRANGE",
)  # fmt: skip
"""Sent by the adapters."""
SCRIPTS = (
    "DEL", "EXPIRE", "GET", "HDEL", "HEXISTS", "HGET", "HGETALL", "HINCRBY", "HKEYS", "HLEN", "HMGET", "HSET",
    "PEXPIRE", "PTTL", "SET", "TIME", "XADD", "XTRIM", "ZADD", "ZCARD", "ZRANGE", "ZRANGEBYSCORE", "ZREM", "ZSCORE",
)  # fmt: skip
"""Called by the scripts."""
COMMANDS = tuple(sorted({*CLIENT, *SCRIPTS}))
OLDEST = (6, 2)
