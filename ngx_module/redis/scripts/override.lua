-- Writes an override of a gate unless Redis has a later one.
--
-- KEYS: override, the set that lists all, events
-- ARGV: 1 its stamp                            2 account
--       3 seconds until it expires             4 when it ends, in ms, or 0
--       5 the override                         6 the writer's name
--       7 length of the stream
--
-- Returns 1 if Redis has it, otherwise the one that Redis has.  Two gateways may
-- have made the same stamp while they could not reach each other: the one that
-- was written first is kept, and all gateways take it.  An override that ends
-- at 0 was removed: it is not listed, so that removed ones, however many, hide
-- none that is in force from a gateway that reads the list.

local seen = redis.call('GET', KEYS[1])
local stamp = seen and string.match(seen, '^stamp (%d+)\n')

if seen == ARGV[5] then
    return 1
end

if stamp and tonumber(stamp) >= tonumber(ARGV[1]) then
    return seen
end

if ARGV[4] == '0' then
    redis.call('ZREM', KEYS[2], ARGV[2])
else
    redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
    redis.call('EXPIRE', KEYS[2], 172800)
end

local now = redis.call('TIME')
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now[1] .. '000',
                         'LIMIT', 0, 100)

for _, account in ipairs(ended) do
    redis.call('ZREM', KEYS[2], account)
end

-- Gateways of an earlier version skip an event with a second field.  Events of
-- more than a day are removed as in commit.lua.

local day = 86400
local added

if tonumber(now[2]) % 16 == 0 then
    added = redis.pcall('XADD', KEYS[3], 'MINID', (now[1] - day) .. '000', '*',
                        ARGV[6], '', 'override', ARGV[5])
end

if not added or type(added) == 'table' and added.err then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', ARGV[6], '',
               'override', ARGV[5])
end

redis.call('EXPIRE', KEYS[3], day)

-- The override itself is written last: if Redis refuses one of these commands, all
-- of them are repeated.

redis.call('SET', KEYS[1], ARGV[5], 'EX', ARGV[3])

return 1
