"""The health table's scripts: `shared/models/breaker.py` in Lua, where all processes meet.

Keys, all in one hash slot; all but `quarantine` lapse by themselves:
  breakers    hash   `m <model>` or `p <provider>` -> a Breaker as JSON
  quarantine  hash   model -> why; stays until somebody ends it. A copy of what Postgres has: "#" is the millisecond at
                     which it was made, "?" a mark of who makes one
  heard       string the number of the last batch taken from this process: a batch that is sent again counts once
  figures     hash   `sum` of the minutes as JSON, taken at `at`: worked out once in five seconds for all processes
  minutes     hash   one a minute, the present one first: `<model> <what>` -> count

Times come from the caller, as in the ledger. Numbers of milliseconds stay below 2^53, and below the 14 digits that
cjson writes.
"""

_LOAD = """
local blank = ARGV[1]
local states = {}
local function load(name, must)
  if not states[name] then
    local kept = redis.call('HGET', breakers, name)
    if not kept and not must then return nil end
    local state = cjson.decode(blank)
    if kept then for key, value in pairs(cjson.decode(kept)) do state[key] = value end end
    states[name] = state
  end
  return states[name]
end
local function save()
  for name, state in pairs(states) do redis.call('HSET', breakers, name, cjson.encode(state)) end
  redis.call('EXPIRE', breakers, 3600)
end
"""

_BREAKER = """
local function open(b, mark)
  local length = mark.open_ms
  if not mark.exact then
    length = math.min(length * 2 ^ math.min(b.again, 10), rules.longest) * scatter
  end
  b['until'] = now + math.floor(length)
  b.why, b.lapse, b.turn = mark.why, 0, b.turn + 1
  b.opened = b.turn
end
local function failed(b, mark, turn)
  if turn > 0 and turn == b.turn then
    if mark.kind ~= 'load' then b.again = b.again + 1 end
    open(b, mark)
  elseif mark.exact then
    b['until'] = math.max(b['until'], now + mark.open_ms)
  end
end
local function answered(b, turn)
  if b['until'] > 0 and turn > b.opened then
    b['until'], b.again, b.lapse, b.why, b.slots = 0, 0, 0, '', {}
  end
end
local function free(b, turn)
  if turn > 0 and turn == b.turn then b.lapse = 0 end
end
local function count(b, mark, times)
  local slot = math.floor(now / rules.slot)
  local name = string.format('%.0f', slot)
  if not b.slots[name] then
    for one in pairs(b.slots) do
      if tonumber(one) <= slot - rules.window / rules.slot then b.slots[one] = nil end
    end
    b.slots[name] = {0, 0}
  end
  b.slots[name][1] = b.slots[name][1] + times
  if mark.kind == 'fault' then b.slots[name][2] = b.slots[name][2] + times end
end
local function often(b)
  local calls, faults = 0, 0
  for _, counts in pairs(b.slots) do calls, faults = calls + counts[1], faults + counts[2] end
  return calls >= rules.calls and faults >= calls * rules.share
end
local function hear(b, mark, times, turn)
  if mark.kind == 'aside' then return free(b, turn) end
  if mark.kind == 'load' then
    if b['until'] > 0 then return failed(b, mark, turn) end
    return open(b, mark)
  end
  count(b, mark, times)
  if mark.kind == 'well' then
    b.streak = 0
    return answered(b, turn)
  end
  b.streak = b.streak + mark.weight
  if b['until'] > 0 then
    failed(b, mark, turn)
  elseif mark.at_once or b.streak >= rules.in_a_row or often(b) then
    open(b, mark)
  end
end
local function hear_of(b, model, mark, turn)
  if mark.kind == 'aside' then return free(b, turn) end
  if mark.kind == 'well' or mark.kind == 'load' then
    b.well_at, b.blamed = now, {}
    return answered(b, turn)
  end
  if mark.blames then
    b.blamed[model] = now
    for one, at in pairs(b.blamed) do
      if at <= now - rules.window then b.blamed[one] = nil end
    end
  end
  local several = next(b.blamed) and next(b.blamed, next(b.blamed))
  if b['until'] > 0 then
    failed(b, mark, turn)
  elseif mark.blames and (several or (mark.alone and b.well_at <= now - rules.quiet)) then
    open(b, mark)
  end
end
"""

# KEYS: breakers, quarantine, heard, figures, ten minutes
# ARGV: a blank Breaker, the rules, now, the scatter of this moment, the batch's number (0: none), the batch, the time
# of the figures that the caller has, '1' to take them anew
EXCHANGE = f"""
local breakers, quarantine, heard, figures = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local rules, now, scatter = cjson.decode(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
{_LOAD}{_BREAKER}
local number = tonumber(ARGV[5])
if number > tonumber(redis.call('GET', heard) or 0) then
  local batch = cjson.decode(ARGV[6])
  for _, event in ipairs(batch.events) do
    local model = load('m ' .. event.model, true)
    model.provider = event.provider
    hear(model, event.mark, event.times, event.turns[1])
    hear_of(load('p ' .. event.provider, true), event.model, event.mark, event.turns[2])
  end
  save()
  for name, times in pairs(batch.counts) do redis.call('HINCRBY', KEYS[5], name, times) end
  redis.call('EXPIRE', KEYS[5], 720)
  redis.call('SET', heard, ARGV[5], 'EX', 60)
end
local at = tonumber(redis.call('HGET', figures, 'at') or 0)
if ARGV[8] == '1' or math.abs(now - at) >= 5000 then
  local sum = {{}}
  for minute = 1, 10 do
    local counts = redis.call('HGETALL', KEYS[4 + minute])
    for i = 1, #counts, 2 do
      local what = string.sub(counts[i], -2)
      if minute <= 5 or (what ~= ' c' and what ~= ' f') then
        sum[counts[i]] = (sum[counts[i]] or 0) + tonumber(counts[i + 1])
      end
    end
  end
  redis.call('HSET', figures, 'at', ARGV[3], 'sum', cjson.encode(sum))
  redis.call('EXPIRE', figures, 720)
  at = now
end
local sum = ''
if at ~= tonumber(ARGV[7]) or ARGV[8] == '1' then sum = redis.call('HGET', figures, 'sum') end
return {{redis.call('HGETALL', breakers), redis.call('HGETALL', quarantine), string.format('%.0f', at), sum}}
"""

# KEYS: breakers, quarantine; ARGV: a blank Breaker, now, model, provider, how long a probe has
PROBE = f"""
local breakers, quarantine = KEYS[1], KEYS[2]
local now = tonumber(ARGV[2])
{_LOAD}
if redis.call('HEXISTS', quarantine, ARGV[3]) == 1 then return {{0, 0, 0}} end
local both = {{load('m ' .. ARGV[3], false) or false, load('p ' .. ARGV[4], false) or false}}
for _, b in ipairs(both) do
  if b and b['until'] > 0 and (now < b['until'] or now < b.lapse) then return {{0, 0, 0}} end
end
local turns = {{0, 0}}
for i, b in ipairs(both) do
  if b and b['until'] > 0 then
    b.turn, b.lapse = b.turn + 1, now + tonumber(ARGV[5])
    turns[i] = b.turn
  end
end
save()
return {{1, turns[1], turns[2]}}
"""

# KEYS: quarantine; ARGV: the mark of who makes the copy, now, model and why of each
COPIED = """
if redis.call('HGET', KEYS[1], '?') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], '?', ARGV[1], '#', ARGV[2], unpack(ARGV, 3))
return 1
"""
