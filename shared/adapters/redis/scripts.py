"""The ledger's scripts. Redis runs one at a time, whole: that is what keeps `spent + held <= cap`.

Keys, all in the tenant's hash slot:
  holds     hash   run -> micro-dollars
  months    hash   run -> the month that the hold counts in
  expiries  zset   run by the millisecond at which its hold lapses
  held      string the sum of holds
  spent     hash   month -> micro-dollars; a cache of what Postgres knows

Times come from the caller, so that all replicas of a script agree. Lua's numbers are exact to 2^53 micro-dollars
(nine billion dollars).
"""

_LAPSE = """
local holds, months, expiries, held, spent = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local run, now = ARGV[1], ARGV[2]
local function drop(which)
  redis.call('DECRBY', held, redis.call('HGET', holds, which))
  redis.call('HDEL', holds, which)
  redis.call('HDEL', months, which)
  redis.call('ZREM', expiries, which)
end
for _, lapsed in ipairs(redis.call('ZRANGEBYSCORE', expiries, '-inf', now)) do drop(lapsed) end
"""

# ARGV: run, now, lapse at (ms), amount, cap, month, spent by Postgres' account or ''
HOLD = f"""{_LAPSE}
local amount, cap, month, known = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6], ARGV[7]
if redis.call('HEXISTS', spent, month) == 0 then
  if known == '' then return {{'unknown'}} end
  redis.call('HSET', spent, month, known)
  redis.call('EXPIRE', spent, 70 * 86400)
end
local before = tonumber(redis.call('HGET', holds, run) or 0)
local booked = tonumber(redis.call('HGET', spent, month))
local others = tonumber(redis.call('GET', held) or 0) - before
if booked + others + amount > cap then
  return {{'over', string.format('%.0f', booked), string.format('%.0f', others)}}
end
redis.call('HSET', holds, run, ARGV[4])
redis.call('HSET', months, run, month)
redis.call('ZADD', expiries, ARGV[3], run)
redis.call('INCRBY', held, string.format('%.0f', amount - before))
return {{'held'}}
"""

# ARGV: run, now, micro-dollars
SETTLE = f"""{_LAPSE}
local month = redis.call('HGET', months, run)
if not month then return 0 end
drop(run)
redis.call('HINCRBY', spent, month, ARGV[3])
return 1
"""

# ARGV: run, now, lapse at (ms)
EXTEND = f"""{_LAPSE}
if redis.call('HEXISTS', holds, run) == 0 then return 0 end
redis.call('ZADD', expiries, ARGV[3], run)
return 1
"""

# ARGV: '', now, month, spent by Postgres' account or ''
BALANCE = f"""{_LAPSE}
local month, known = ARGV[3], ARGV[4]
if redis.call('HEXISTS', spent, month) == 0 then
  if known == '' then return {{'unknown'}} end
  redis.call('HSET', spent, month, known)
  redis.call('EXPIRE', spent, 70 * 86400)
end
return {{'known', redis.call('HGET', spent, month), redis.call('GET', held) or '0'}}
"""
