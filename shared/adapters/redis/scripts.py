"""The ledger's scripts. Redis runs one at a time, whole: that is what keeps `spent + held <= cap`.

Keys, all in the tenant's hash slot:
  holds     hash   run -> "<micro-dollars> <day> <subject>…", the day that it was made on and whom it counts for
  expiries  zset   run by the microsecond at which its hold lapses
  held      hash   subject -> the sum of its holds
  spent     hash   "<period>|<subject>" -> micro-dollars; a cache of what Postgres knows. A period is 2026-11 or
                   2026-11-21, a subject "t" or "k:<key id>"
                   "asked" -> how many marks there were: where it is missing the tenant is new, or all was lost
                   "?<period>|<subject>" -> a mark while that figure is being asked of Postgres. Whatever makes the
                   answer old changes the mark, and an answer with another mark is not kept
                   "!" -> the microsecond until which nobody holds anew: holds were lost, and are put back meanwhile
  held and spent also have "#", the number of holds. A Redis that evicts takes any of these keys by itself; as soon as
  they don't agree, `held` and `expiries` are made anew out of `holds`, and where that is gone the figures go too.
  rates     string one for each rate: the microsecond at which it is whole again (GCRA); gone once that has passed

Microseconds are Redis' own: containers whose clocks differ can neither let holds lapse early nor make tokens of the
difference. Only a period is the caller's, who also names it to Postgres. Lua's numbers are exact to 2^53 micro-dollars
(nine billion dollars). Every answer is one line of text.
"""

# ARGV[1]: '' or the time in microseconds, for a caller that moves time itself
_NOW = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local function whole(number) return string.format('%.0f', number) end
"""

# A process that was killed after its run had ended never settled it: what that cost is in Postgres' account only, so
# all figures go with a hold that lapses.
_LAPSE = """
local holds, expiries, held, spent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function words_of(line)
  local words = {}
  for word in string.gmatch(line, '%S+') do words[#words + 1] = word end
  return words
end
local function number(where, more)
  if more == 0 then return end
  local count = redis.call('HINCRBY', where, '#', more)
  if count == 0 then redis.call('HDEL', where, '#') end
end
local function add(amount, words)
  if amount == 0 then return end
  for i = 3, #words do
    if redis.call('HINCRBY', held, words[i], whole(amount)) == 0 then redis.call('HDEL', held, words[i]) end
  end
end
local function drop(which, line)
  local words = words_of(line)
  add(-tonumber(words[1]), words)
  number(held, -1)
  number(spent, -1)
  redis.call('HDEL', holds, which)
  redis.call('ZREM', expiries, which)
  return words
end
local function put(which, words, lifetime)
  add(tonumber(words[1]), words)
  number(held, 1)
  number(spent, 1)
  redis.call('HSET', holds, which, table.concat(words, ' '))
  redis.call('ZADD', expiries, whole(now + tonumber(lifetime)), which)
end
local function mark(figure)
  local fresh = whole(now) .. '.' .. redis.call('HINCRBY', spent, 'asked', 1)
  redis.call('HSET', spent, '?' .. figure, fresh)
  redis.call('EXPIRE', spent, 70 * 86400)
  return fresh
end
local function forget()
  for _, name in ipairs(redis.call('HKEYS', spent)) do
    if string.sub(name, 1, 1) == '?' then mark(string.sub(name, 2))
    elseif string.find(name, '|', 1, true) then redis.call('HDEL', spent, name) end
  end
end
local function lost()
  redis.call('HSET', spent, '!', whole(now + 3000000))
  forget()
end
local function mend(kept, booked)
  redis.call('DEL', held)
  for _, which in ipairs(redis.call('ZRANGE', expiries, 0, -1)) do
    if redis.call('HEXISTS', holds, which) == 0 then redis.call('ZREM', expiries, which) end
  end
  local all = redis.call('HGETALL', holds)
  for i = 1, #all, 2 do
    local words = words_of(all[i + 1])
    add(tonumber(words[1]), words)
    if not redis.call('ZSCORE', expiries, all[i]) then
      redis.call('ZADD', expiries, whole(now + 900000000), all[i])
    end
  end
  number(held, kept - tonumber(redis.call('HGET', held, '#') or 0))
  number(spent, kept - booked)
  if booked > kept then lost() end
end
local kept = redis.call('HLEN', holds)
local booked = redis.call('HMGET', spent, '#', 'asked', '!')
local asked, halted = booked[2], tonumber(booked[3] or 0)
booked = tonumber(booked[1] or 0)
if kept ~= booked or kept ~= tonumber(redis.call('HGET', held, '#') or 0)
  or kept ~= redis.call('ZCARD', expiries) then
  mend(kept, booked)
  halted = tonumber(redis.call('HGET', spent, '!') or 0)
end
local function waits()
  if not asked then
    redis.call('HINCRBY', spent, 'asked', 1)
    redis.call('EXPIRE', spent, 70 * 86400)
    lost()
    return 'fresh'
  end
  if halted > now then return 'wait ' .. whole(math.min(halted - now, 3000000)) end
end
local lapsed = redis.call('ZRANGEBYSCORE', expiries, '-inf', whole(now))
for _, which in ipairs(lapsed) do
  local line = redis.call('HGET', holds, which)
  if line then drop(which, line) else redis.call('ZREM', expiries, which) end
end
if #lapsed > 0 then forget() end
"""

# Each cap is six arguments: period, subject, micro-dollars or '' for no limit, '' or spent by Postgres' account, the
# mark before that was asked, and the oldest period of that kind worth keeping.
_KNOWN = """
local function sweep(length, oldest)
  for _, name in ipairs(redis.call('HKEYS', spent)) do
    local period = string.match(name, '^%??([%d-]+)|')
    if period and #period == length and period < oldest then redis.call('HDEL', spent, name) end
  end
end
local function unknown(first, count)
  local lacking = {}
  for i = 0, count - 1 do
    local at = first + i * 6
    local figure = ARGV[at] .. '|' .. ARGV[at + 1]
    if ARGV[at + 2] ~= '' and redis.call('HEXISTS', spent, figure) == 0 then
      local marked = redis.call('HGET', spent, '?' .. figure)
      if marked and ARGV[at + 3] ~= '' and marked == ARGV[at + 4] then
        sweep(#ARGV[at], ARGV[at + 5])
        redis.call('HSET', spent, figure, ARGV[at + 3])
        redis.call('HDEL', spent, '?' .. figure)
        redis.call('EXPIRE', spent, 70 * 86400)
      else
        lacking[#lacking + 1] = i .. ' ' .. (marked or mark(figure))
      end
    end
  end
  if #lacking > 0 then return 'unknown ' .. table.concat(lacking, ' ') end
end
"""

# Each charge is three arguments: units, microseconds a unit, microseconds a burst. Its rate is KEYS[base + i].
# A debt is what a settlement took beyond the burst; an hour of it is the most that is ever waited for.
_RATES = """
local debt = 3600 * 1000000
local function looked(base, first, count)
  local found = {slowest = 0, wait = 1}
  for i = 1, count do
    local at = first + (i - 1) * 3
    local one = {interval = tonumber(ARGV[at + 1]), window = tonumber(ARGV[at + 2])}
    one.cost = tonumber(ARGV[at]) * one.interval
    local full = tonumber(redis.call('GET', KEYS[base + i]) or now)
    one.full = math.min(math.max(full, now), now + one.window + debt)
    local wait = one.full + math.min(one.cost, one.window) - one.window - now
    if one.cost > 0 and wait > found.wait then found.slowest, found.wait = i, wait end
    found[i] = one
  end
  return found
end
local function take(base, found)
  for i, one in ipairs(found) do
    one.full = math.min(math.max(one.full + one.cost, now), now + one.window + debt)
    local life = math.ceil((one.full - now) / 1000) + 1
    redis.call('SET', KEYS[base + i], string.format('%.3f', one.full), 'PX', whole(life))
  end
end
local function told(words, found)
  for _, one in ipairs(found) do
    words[#words + 1] = whole(math.max(0, math.floor((now + one.window - one.full) / one.interval + 0.001)))
    words[#words + 1] = whole(one.full - now)
  end
  return table.concat(words, ' ')
end
local function refused(found)
  if found.slowest == 0 then return nil end
  return told({'fast', found.slowest - 1, whole(found.wait)}, found)
end
"""

# ARGV: time, run, lifetime (us), amount, day, number of caps, caps, number of charges, charges
HOLD = (
    _NOW
    + _LAPSE
    + _KNOWN
    + _RATES
    + """
local run, amount, count = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[6])
local waiting = count > 0 and waits()
if waiting then return waiting end
local lacking = unknown(7, count)
if lacking then return lacking end
local line, before = redis.call('HGET', holds, run), {0}
local already = {}
if line then
  before = words_of(line)
  for i = 3, #before do already[before[i]] = tonumber(before[1]) end
end
local words, seen, others = {ARGV[4], ARGV[5]}, {}, {}
local tightest, least
for i = 0, count - 1 do
  local at = 7 + i * 6
  local subject = ARGV[at + 1]
  if not seen[subject] then
    seen[subject] = true
    words[#words + 1] = subject
    others[subject] = tonumber(redis.call('HGET', held, subject) or 0) - (already[subject] or 0)
  end
  if ARGV[at + 2] ~= '' then
    local booked = tonumber(redis.call('HGET', spent, ARGV[at] .. '|' .. subject))
    local free = tonumber(ARGV[at + 2]) - booked - others[subject]
    if free < amount and (not least or free < least) then
      least, tightest = free, table.concat({'over', i, whole(booked), whole(others[subject])}, ' ')
    end
  end
end
if tightest then return tightest end
local after = 7 + count * 6
local rates = looked(4, after + 1, tonumber(ARGV[after]))
local too_fast = refused(rates)
if too_fast then return too_fast end
if line then drop(run, line) end
put(run, words, ARGV[3])
take(4, rates)
return told({'held'}, rates)
"""
)

# Without a hold the run is in Postgres' account only: all figures go. Where there is no figure to add to, one that is
# being asked for right now may lack this run: it must not be kept.
# ARGV: time, run, micro-dollars, number of charges, charges
SETTLE = (
    _NOW
    + _LAPSE
    + _RATES
    + """
local line = redis.call('HGET', holds, ARGV[2])
if line then
  local words = drop(ARGV[2], line)
  if ARGV[3] ~= '0' then
    for i = 3, #words do
      for _, period in ipairs({words[2], string.sub(words[2], 1, 7)}) do
        local figure = period .. '|' .. words[i]
        if redis.call('HEXISTS', spent, figure) == 1 then
          redis.call('HINCRBY', spent, figure, ARGV[3])
        elseif redis.call('HEXISTS', spent, '?' .. figure) == 1 then
          mark(figure)
        end
      end
    end
  end
  take(4, looked(4, 5, tonumber(ARGV[4])))
  return '1'
end
if ARGV[3] ~= '0' then forget() end
return '0'
"""
)

# ARGV: time, number of charges, charges. Every key is a rate's.
TAKE = (
    _NOW
    + _RATES
    + """
local rates = looked(0, 3, tonumber(ARGV[2]))
local too_fast = refused(rates)
if too_fast then return too_fast end
take(0, rates)
return told({'taken'}, rates)
"""
)

# ARGV: time, run, lifetime (us)
EXTEND = (
    _NOW
    + _LAPSE
    + """
if redis.call('HEXISTS', holds, ARGV[2]) == 0 then return '0' end
redis.call('ZADD', expiries, whole(now + tonumber(ARGV[3])), ARGV[2])
return '1'
"""
)

# ARGV: time, number of caps, caps
BALANCE = (
    _NOW
    + _LAPSE
    + _KNOWN
    + """
local count = tonumber(ARGV[2])
local waiting = not asked and waits()
if waiting then return waiting end
local lacking = unknown(3, count)
if lacking then return lacking end
local words = {'known'}
for i = 0, count - 1 do
  local at = 3 + i * 6
  words[#words + 1] = redis.call('HGET', spent, ARGV[at] .. '|' .. ARGV[at + 1])
  words[#words + 1] = redis.call('HGET', held, ARGV[at + 1]) or '0'
end
return table.concat(words, ' ')
"""
)

# Nothing of the tenant's was open when all was asked for: it is new.
# ARGV: the time
CALM = (
    _NOW
    + """
redis.call('HDEL', KEYS[4], '!')
return '1'
"""
)

# The holds of a process that are not there: only while holds are put back, for one that is missing otherwise has lapsed
# or was settled.
# ARGV: time, lifetime (us), run and line of each
RESTORE = (
    _NOW
    + _LAPSE
    + """
if halted <= now then return '0' end
for i = 3, #ARGV, 2 do
  if redis.call('HEXISTS', holds, ARGV[i]) == 0 then put(ARGV[i], words_of(ARGV[i + 1]), ARGV[2]) end
end
return '1'
"""
)
