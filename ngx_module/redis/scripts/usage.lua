-- What the callers with a budget have spent in a window: adds the spending of a
-- gateway, and reads what has changed.
--
-- A gateway sends the sum of what it has spent, of which the difference to the
-- sum before is added, so that a command may be repeated.  "known" is what it
-- knows of the spending of all gateways: if that is more, Redis has lost some of
-- it, and what gateways that are gone have spent would be missing.
--
-- KEYS: the spending, the order of its changes
-- ARGV: 1 the writer's name                  2 seconds until the keys expire
--       3 the ID of the keys, "": none       4 the last change that was read
--       5 maximum number of callers          6 caller, its sum, known (each)
--
-- Returns the ID, the number of the last change read, 1 if there are more, and
-- the callers that have changed since: name, the sums of all, of this writer, and
-- the most that a gateway knew of all.

local key, log, writer = KEYS[1], KEYS[2], ARGV[1]

local function number(field)
    return tonumber(redis.call('HGET', key, field) or 0) or 0
end

local function text(n)
    return string.format('%.0f', n)
end

local id = redis.call('HGET', key, '#id')
local last = number('#last')
local first = last

for i = 6, #ARGV, 3 do
    local caller, own, known = ARGV[i], tonumber(ARGV[i + 1]),
                               tonumber(ARGV[i + 2])
    local mine, sum = number(caller .. ':' .. writer), number(caller)
    local spent = own > mine

    if spent then
        sum = sum + own - mine
    end

    local lost = known > sum and known > number(caller .. ':#known')

    -- if Redis refuses this, the caller has not changed, and all is repeated

    if spent or lost then
        last = last + 1
        redis.call('ZADD', log, text(last), caller)
    end

    if spent then
        redis.call('HSET', key, caller, text(sum), caller .. ':' .. writer,
                   text(own))
    end

    if lost then
        redis.call('HSET', key, caller .. ':#known', text(known))
    end
end

if last > first then

    if not id then
        local now = redis.call('TIME')
        id = now[1] .. now[2] .. writer
    end

    redis.call('HSET', key, '#id', id, '#last', text(last))
    redis.call('EXPIRE', key, ARGV[2])
    redis.call('EXPIRE', log, ARGV[2])
end

local since = id == ARGV[3] and tonumber(ARGV[4]) or 0
local changes = redis.call('ZRANGEBYSCORE', log, text(since + 1), '+inf',
                           'WITHSCORES', 'LIMIT', 0, ARGV[5])
local more = #changes == 2 * tonumber(ARGV[5])
local reply = { id or '', more and tonumber(changes[#changes]) or last,
                more and 1 or 0 }

for i = 1, #changes, 2 do
    local caller = changes[i]

    reply[#reply + 1] = caller
    reply[#reply + 1] = number(caller)
    reply[#reply + 1] = number(caller .. ':' .. writer)
    reply[#reply + 1] = number(caller .. ':#known')
end

return reply
