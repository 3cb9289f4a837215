"""The scripts of shared generation. Redis runs one at a time, whole: that is what makes one lead of many.

Keys, all of one flight in one hash slot:
  state  hash    flight, its number; token and lead, the present lead's; state: up, left, over or full; until: the
                 millisecond at which the lease runs out, or at which the flight ended; n, entries so far; bytes
  tail   stream  `<flight>-<n>`, n from 1 on by ones. Field m: a message; o: the last one; p: the last one, for those
                 who follow already; l: the lead has left; f: no more is taken

Numbers of flights and tokens are microseconds of Redis' own clock, or one more than the last: they grow, also where
Redis forgot the last. Every script may run twice where a connection is lost, and then answers as it did the first time.
"""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end
local function fresh(last) return whole(math.max(time[1] * 1000000 + time[2], tonumber(last or 0) + 1)) end
local function keep(ms)
  redis.call('PEXPIRE', KEYS[1], ms)
  redis.call('PEXPIRE', KEYS[2], ms)
end
"""

# ARGV: lease (ms), how long a flight that has ended is joined (ms), how long a running one is kept (ms), a name
JOIN = (
    _NOW
    + """
local f = redis.call('HMGET', KEYS[1], 'flight', 'token', 'lead', 'state', 'until')
if f[1] then
  if f[4] == 'up' and f[3] == ARGV[4] then return 'lead ' .. f[1] .. ' ' .. f[2] end
  local left = tonumber(f[5]) - now
  if f[4] ~= 'full' and left + ARGV[2] > 0 then return 'follow ' .. f[1] .. ' ' .. whole(left) end
  -- Those who still hear the flight that was may finish; what was before it goes.
  redis.call('XTRIM', KEYS[2], 'MINID', f[1])
end
local token = fresh(f[2])
redis.call('HSET', KEYS[1], 'flight', token, 'token', token, 'lead', ARGV[4], 'state', 'up',
  'until', whole(now + ARGV[1]), 'n', 0, 'bytes', 0)
keep(ARGV[3])
return 'lead ' .. token .. ' ' .. token
"""
)

# ARGV: token, n, lease, kept, the most bytes, the message
SAY = (
    _NOW
    + """
local f = redis.call('HMGET', KEYS[1], 'flight', 'token', 'state', 'n', 'bytes')
if not f[1] then return 'gone' end
if f[2] ~= ARGV[1] then return 'out' end
if f[3] ~= 'up' then return 'gone' end
local n, wanted = tonumber(f[4]), tonumber(ARGV[2])
if wanted <= n then return 'said' end
if wanted ~= n + 1 then return 'gone' end
local bytes = tonumber(f[5]) + #ARGV[6]
local id = f[1] .. '-' .. ARGV[2]
if bytes > tonumber(ARGV[5]) then
  redis.call('XADD', KEYS[2], id, 'f', '')
  redis.call('HSET', KEYS[1], 'state', 'full', 'until', whole(now), 'n', ARGV[2])
  return 'gone'
end
redis.call('XADD', KEYS[2], id, 'm', ARGV[6])
redis.call('HSET', KEYS[1], 'until', whole(now + ARGV[3]), 'n', ARGV[2], 'bytes', whole(bytes))
keep(ARGV[4])
return 'said'
"""
)

# ARGV: token, lease, kept
RENEW = (
    _NOW
    + """
local f = redis.call('HMGET', KEYS[1], 'token', 'state')
if not f[1] then return 'gone' end
if f[1] ~= ARGV[1] then return 'out' end
if f[2] == 'full' then return 'gone' end
if f[2] == 'up' then
  redis.call('HSET', KEYS[1], 'until', whole(now + ARGV[2]))
  keep(ARGV[3])
end
return 'ok'
"""
)

# ARGV: token, o or l, the last message, how long an ended flight is kept (ms)
END = (
    _NOW
    + """
local f = redis.call('HMGET', KEYS[1], 'flight', 'token', 'state', 'n')
if not f[1] then return 'gone' end
if f[2] ~= ARGV[1] then return 'out' end
if f[3] == 'full' then return 'gone' end
if f[3] ~= 'up' then return 'ended ' .. f[4] end
local n = whole(f[4] + 1)
redis.call('XADD', KEYS[2], f[1] .. '-' .. n, ARGV[2], ARGV[3])
local last = ARGV[2] == 'p' and '0' or whole(now)
redis.call('HSET', KEYS[1], 'state', ARGV[2] == 'l' and 'left' or 'over', 'until', last, 'n', n)
keep(ARGV[4])
return 'ended ' .. n
"""
)

# ARGV: flight, entries heard, a name, lease, kept
TAKE = (
    _NOW
    + """
local f = redis.call('HMGET', KEYS[1], 'flight', 'token', 'lead', 'state', 'until', 'n')
if f[1] ~= ARGV[1] or f[4] == 'full' then return 'gone' end
if f[4] == 'up' and f[3] == ARGV[3] then return 'lead ' .. f[2] end
local left = tonumber(f[5]) - now
if f[4] == 'over' or (f[4] == 'up' and left > 0) or tonumber(f[6]) > tonumber(ARGV[2]) then
  return 'follow ' .. whole(left)
end
local token = fresh(f[2])
redis.call('HSET', KEYS[1], 'token', token, 'lead', ARGV[3], 'state', 'up', 'until', whole(now + ARGV[4]))
keep(ARGV[5])
return 'lead ' .. token
"""
)

# ARGV: the flight's number
CHECK = (
    _NOW
    + """
local f = redis.call('HMGET', KEYS[1], 'flight', 'state', 'until', 'n')
if f[1] ~= ARGV[1] then return 'gone' end
return f[2] .. ' ' .. whole(f[3] - now) .. ' ' .. f[4]
"""
)
