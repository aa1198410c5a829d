-- Hands out attempts that are due to be polled, each to one instance, within
-- the fleet's rate.  One that was handed out is due again when its lease ends;
-- an account that is not active was asked for once only.
--
-- The queues are those of reauth_schedule.h, by class: those that wait for a
-- person get one of four polls at most while others are due, and those never
-- heard of what is left.
--
-- KEYS: due, rate, pause, active, due of those that wait for a person, due of
--       those never heard of
-- ARGV: 1 how many at most    2 the lease, in ms
--       3 polls a minute for the fleet        4 polls that may come at once
--       5 how long the upstream wants no polls from now on, in ms, or 0
--
-- Returns the accounts, or for how many ms the upstream wants no polls.

local most = tonumber(ARGV[1])
local lease = tonumber(ARGV[2])
local rate = tonumber(ARGV[3])
local burst = tonumber(ARGV[4])
local rest = tonumber(ARGV[5])


-- one clock for all, which may be set back, or be another one's after a
-- failover

local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)

local paused = redis.call('GET', KEYS[3])

if rest > 0 and (not paused or clock + rest > tonumber(paused)) then
    paused = string.format('%.0f', clock + rest)
    redis.call('SET', KEYS[3], paused, 'PX', rest)
end

if paused then
    return math.max(tonumber(paused) - clock, 1)
end

local tokens = tonumber(redis.call('HGET', KEYS[2], 'tokens') or burst)
local at = tonumber(redis.call('HGET', KEYS[2], 'at') or clock)

if clock > at then
    tokens = math.min(burst, tokens + (clock - at) * rate / 60000)
end

local n = math.min(most, math.floor(tokens))
local others = tonumber(redis.call('HGET', KEYS[2], 'others') or 0)
local accounts = {}
local first, person, last = {}, {}, {}

local function due(key)
    return redis.call('ZRANGEBYSCORE', key, '-inf', string.format('%.0f', clock),
                      'LIMIT', 0, n)
end

if n > 0 then
    first, person, last = due(KEYS[1]), due(KEYS[5]), due(KEYS[6])
end

local function take(key, queue)
    local account = table.remove(queue, 1)

    if redis.call('ZSCORE', KEYS[4], account) then
        redis.call('ZADD', key, string.format('%.0f', clock + lease), account)
    else
        redis.call('ZREM', key, account)
    end

    accounts[#accounts + 1] = account
end

while #accounts < n do
    local rest = #first + #last

    if #person > 0 and (others >= 3 or rest == 0) then
        others = 0
        take(KEYS[5], person)

    elseif #first > 0 then
        others = math.min(others + 1, 3)
        take(KEYS[1], first)

    elseif #last > 0 then
        others = math.min(others + 1, 3)
        take(KEYS[6], last)

    else
        break
    end
end

redis.call('HSET', KEYS[2], 'tokens', tostring(tokens - #accounts),
           'at', string.format('%.0f', clock), 'others', tostring(others))
redis.call('EXPIRE', KEYS[2], 600)

return accounts
