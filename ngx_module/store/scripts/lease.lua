-- Hands out attempts that are due to be polled, each to one instance, within
-- the fleet's rate.  One that was handed out is due again when its lease ends;
-- an account that is not active was asked for once only.
--
-- KEYS: due, rate, pause, active
-- ARGV: 1 now, in ms    2 how many at most    3 the lease, in ms
--       4 polls a minute for the fleet        5 polls that may come at once
--       6 how long the upstream wants no polls from now on, in ms, or 0
--
-- Returns the accounts, or for how many ms the upstream wants no polls.

local now = tonumber(ARGV[1])
local most = tonumber(ARGV[2])
local rate = tonumber(ARGV[4])
local burst = tonumber(ARGV[5])
local rest = tonumber(ARGV[6])


-- the rate and the pause go by one clock for all; that may be set back, or be
-- another one's after a failover

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
local accounts = {}

if n > 0 then
    accounts = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1],
                          'LIMIT', 0, n)

    for i = 1, #accounts do
        if redis.call('ZSCORE', KEYS[4], accounts[i]) then
            redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]),
                       accounts[i])
        else
            redis.call('ZREM', KEYS[1], accounts[i])
        end
    end
end

redis.call('HSET', KEYS[2], 'tokens', tostring(tokens - #accounts),
           'at', string.format('%.0f', clock))
redis.call('EXPIRE', KEYS[2], 600)

return accounts
