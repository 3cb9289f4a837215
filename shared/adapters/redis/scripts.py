"""The ledger's scripts. Redis runs one at a time, whole: that is what keeps `spent + held <= cap`.

Keys, all in the tenant's hash slot:
  holds     hash   run -> micro-dollars
  months    hash   run -> the month that the hold counts in
  expiries  zset   run by the millisecond at which its hold lapses
  held      string the sum of holds
  spent     hash   month -> micro-dollars; a cache of what Postgres knows
                   'drops' -> how often a month's figure was dropped, so that a figure asked for before is not kept

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

_KNOWN = """
local function unknown(month, known, drops)
  if redis.call('HEXISTS', spent, month) == 1 then return false end
  local dropped = redis.call('HGET', spent, 'drops') or '0'
  if known == '' or drops ~= dropped then return {'unknown', dropped} end
  redis.call('HSET', spent, month, known)
  redis.call('EXPIRE', spent, 70 * 86400)
  return false
end
"""

# ARGV: run, now, lapse at (ms), amount, cap, month, spent by Postgres' account or '', 'drops' before it was asked
HOLD = f"""{_LAPSE}{_KNOWN}
local amount, cap, month = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local lacking = unknown(month, ARGV[7], ARGV[8])
if lacking then return lacking end
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

# Without a hold the run is in Postgres' account only: the figure goes. Where there is no figure to add to, one that
# is being asked for right now may lack this run: it must not be kept.
# ARGV: run, now, micro-dollars, this month
SETTLE = f"""{_LAPSE}
local month = redis.call('HGET', months, run)
if month then drop(run) end
if month and redis.call('HEXISTS', spent, month) == 1 then
  redis.call('HINCRBY', spent, month, ARGV[3])
  return 1
end
if not month and ARGV[3] == '0' then return 0 end
redis.call('HDEL', spent, month or ARGV[4])
redis.call('HINCRBY', spent, 'drops', 1)
redis.call('EXPIRE', spent, 70 * 86400)
return month and 1 or 0
"""

# ARGV: run, now, lapse at (ms)
EXTEND = f"""{_LAPSE}
if redis.call('HEXISTS', holds, run) == 0 then return 0 end
redis.call('ZADD', expiries, ARGV[3], run)
return 1
"""

# ARGV: '', now, month, spent by Postgres' account or '', 'drops' before it was asked
BALANCE = f"""{_LAPSE}{_KNOWN}
local lacking = unknown(ARGV[3], ARGV[4], ARGV[5])
if lacking then return lacking end
return {{'known', redis.call('HGET', spent, ARGV[3]), redis.call('GET', held) or '0'}}
"""
