-- Tells of accounts that still wait for a person: of the times that have passed
-- since they began to wait, the last one.
--
-- KEYS: the accounts by the time at which the next one is due, the notices,
--       prefix of what was told of an account, see commit.lua, prefix of records
-- ARGV: 1 maximum number of accounts       2 the time, as in the notice
--       3 the times, in ms, in order, separated by spaces
--
-- Returns the number of accounts that were due.

local now = redis.call('TIME')
local clock = now[1] * 1000 + math.floor(now[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf',
                       string.format('%.0f', clock), 'LIMIT', 0, ARGV[1])
local event = 'account.still_waiting'
local after = {}

for time in string.gmatch(ARGV[3], '%d+') do
    after[#after + 1] = tonumber(time)
end

-- the bit of the event is that of reauth_notice.h

local function add_bit(events)
    return math.floor(events / 4) % 2 == 0 and events + 4 or events
end

for _, account in ipairs(due) do
    local key = KEYS[3] .. account
    local told = redis.pcall('GET', key)
    local events, since, times, rest, next

    -- a key of another type does not stop the others

    if type(told) == 'string' then
        events, since, times, rest = string.match(told,
                                                  '^(%d+) (%d+) (%d+) (.*)$')
        since, times = tonumber(since), tonumber(times)
    end

    -- the account may have recovered while no gateway had notices

    local record = rest and redis.pcall('GET', KEYS[4] .. account)
    local over = type(record) == 'string'
                 and (string.find(record, '\nstate succeeded\n', 1, true)
                      or string.find(record, '\nforgotten 1\n', 1, true))

    if rest and since > 0 and not over then
        local n = 0

        while after[n + 1] and since + after[n + 1] <= clock do
            n = n + 1
        end

        if n > times then
            redis.call('XADD', KEYS[2], 'MAXLEN', '~', 100000, '*', 'type',
                       event, 'account', account, 'body',
                       '{"type":"' .. event .. '","timestamp":"' .. ARGV[2]
                           .. '","data":' .. string.match(rest, '\n(.*)$')
                           .. '}',
                       'from', string.format('%.0f', after[times] or 0),
                       'after', string.format('%.0f', after[n]))
            redis.call('EXPIRE', KEYS[2], 90000)
            redis.call('SET', key, string.format('%.0f %.0f %.0f %s',
                                                 add_bit(events), since, n,
                                                 rest),
                       'EX', 2592000)
        end

        next = after[n + 1]
    end

    if next then
        redis.call('ZADD', KEYS[1], string.format('%.0f', since + next), account)
    else
        redis.call('ZREM', KEYS[1], account)
    end
end

return #due
