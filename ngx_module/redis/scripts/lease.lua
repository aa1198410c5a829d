-- Leases accounts whose polls are due, each to one gateway, within the rate of
-- all gateways.  A leased account is due again when its lease ends; an account
-- without an active attempt is removed from its queue.
--
-- The queues are the classes of reauth_schedule.h: attempts that wait for a
-- person get at most one of four polls while others are due, attempts that the
-- upstream has never confirmed get the rest.  Both leave half of the burst to
-- attempts of the first queue, where those requested by webhooks are.
--
-- An active account without a record is not leased, but returned with a "-"
-- before it: its key was deleted, or has expired, see deleted.lua.
--
-- Active accounts that are in no queue, because Redis has lost one or a member
-- of one, are due again; their number is returned with a "+" before it.
--
-- KEYS: due, rate, pause, active, due of attempts that wait for a person, due of
--       attempts never confirmed, prefix of the keys of records
-- ARGV: 1 maximum number of accounts        2 the lease, in ms
--       3 polls a minute of all gateways    4 burst, in polls
--       5 length of a pause requested by the upstream, in ms, or 0
--
-- Returns the accounts, followed by the number of those that remain due in each
-- queue (at most 100) and by how long the first of them has been due, in ms; or
-- the remaining time of the pause in ms.

local most = tonumber(ARGV[1])
local lease = tonumber(ARGV[2])
local rate = tonumber(ARGV[3])
local burst = tonumber(ARGV[4])
local rest = tonumber(ARGV[5])


-- the clock of Redis, which may be set back, or be that of another host after a
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
local deleted = {}
local first, person, last = {}, {}, {}

local reserve = math.floor(burst / 2)

-- An active account is in a queue.  Once a second, for all gateways, the sizes
-- show whether one is lost; a page of the active accounts is then looked through,
-- each time that this is found.  If the sizes still differ after the last page,
-- 10 seconds pass: "active" may contain what is no account.  A user may have no
-- right to ZCARD.

local function is_lost()
    local sizes = {}

    for i, key in ipairs({ KEYS[4], KEYS[1], KEYS[5], KEYS[6] }) do
        local size = redis.pcall('ZCARD', key)
        sizes[i] = type(size) == 'number' and size or 0
    end

    return sizes[1] > sizes[2] + sizes[3] + sizes[4]
end

local function is_queued(account)
    return redis.call('ZSCORE', KEYS[1], account)
           or redis.call('ZSCORE', KEYS[5], account)
           or redis.call('ZSCORE', KEYS[6], account)
end

local function restore()
    local cursor = redis.call('HGET', KEYS[2], 'cursor') or '0'
    local ended = tonumber(redis.call('HGET', KEYS[2], 'scanned') or 0)
    local n = 0

    if cursor == '0' and math.abs(clock - ended) < 10000 then
        return 0
    end

    local page = redis.call('ZSCAN', KEYS[4], cursor, 'COUNT', 250)

    for i = 1, #page[2], 2 do
        local account = page[2][i]

        if not is_queued(account)
           and redis.call('EXISTS', KEYS[7] .. account) == 1
        then
            redis.call('ZADD', KEYS[1], string.format('%.0f', clock), account)
            n = n + 1
        end
    end

    redis.call('HSET', KEYS[2], 'cursor', page[1], 'scanned',
               string.format('%.0f', clock))

    return n
end

local restored = 0

if math.floor(clock / 1000) ~= math.floor(at / 1000) and is_lost() then
    restored = restore()
end

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

        if redis.call('EXISTS', KEYS[7] .. account) == 0 then
            deleted[#deleted + 1] = '-' .. account
            return
        end

        redis.call('ZADD', key, string.format('%.0f', clock + lease), account)
    else
        redis.call('ZREM', key, account)
    end

    accounts[#accounts + 1] = account
end

while #accounts < n do

    if #first == 0 and tokens - #accounts < reserve + 1 then
        break
    end

    if #person > 0 and (others >= 3 or #first + #last == 0) then
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

for _, account in ipairs(deleted) do
    accounts[#accounts + 1] = account
end

if restored > 0 then
    accounts[#accounts + 1] = '+' .. restored
end

for _, key in ipairs({ KEYS[1], KEYS[5], KEYS[6] }) do
    local rest = redis.call('ZRANGEBYSCORE', key, '-inf',
                            string.format('%.0f', clock), 'WITHSCORES',
                            'LIMIT', 0, 100)

    accounts[#accounts + 1] = #rest / 2
    accounts[#accounts + 1] = #rest > 0 and clock - tonumber(rest[2]) or 0
end

return accounts
