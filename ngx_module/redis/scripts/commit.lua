-- Writes the record of an account if the revision in Redis is still the one
-- that the change was judged by.
--
-- KEYS: record, active, events, queue of polls, the other queues of polls, the
--       counter of events, the stored response for repeated updates
-- ARGV: 1 revision the writer saw (0: no record,    2 account
--         "": none that can be written over)
--       3 seconds until the record expires         4 score in "active" or ""
--       5 score in the queue or ""                 6 length of the stream
--       7 the record, in its next revision         8 the writer's name
--       9 length of the part of the record that goes into the event
--       10 "" if the attempt has no stored response: that of another one ends
--       11 the stored response, or "" not to     12 milliseconds until it
--          change it                                expires
--
-- Returns 1 if the record was written; otherwise the record in Redis, or nil, by
-- which the change is judged again.

local seen = redis.call('GET', KEYS[1])
local revision = '0'

if seen then
    revision = string.match(seen, '^revision (%d+)\n')
end

if revision ~= ARGV[1] then
    return seen
end

-- Each event has the number after the one before, so that a gateway knows
-- whether it has missed any.  The first one is the time in microseconds: if
-- Redis loses its data twice, the same numbers do not come again.  A key of
-- another type refuses all of this before anything is written; the record is
-- written last, as it is what others judge by.

local now = redis.call('TIME')
local number = tonumber(redis.call('GET', KEYS[7]) or 0) or 0

if not (number > 0 and number < 2 ^ 53) then
    number = now[1] * 1000000 + now[2]
end

number = string.format('%.0f', number + 1)

redis.call('ZSCORE', KEYS[2], ARGV[2])
redis.call('ZSCORE', KEYS[4], ARGV[2])

-- An event has no fingerprint and no sealed value.  If these are left out, its
-- revision is the one before: a gateway of an earlier version, which takes the
-- event for the record, then does not write over what it has not read.

local event = ARGV[7]

if tonumber(ARGV[9]) < #event then
    revision = tonumber(string.match(event, '^revision (%d+)\n'))
    event = 'revision ' .. string.format('%.0f', revision - 1)
            .. string.sub(event, string.find(event, '\n'), ARGV[9])
end

event = event .. 'number ' .. number .. '\n'

-- Events expire after a day, as records do.  Older ones are removed at one of
-- sixteen writes; the stream expires if there are none for a day.  Redis before
-- 6.2 cannot trim a stream by age.

local day = 86400
local added

if tonumber(now[2]) % 16 == 0 then
    added = redis.pcall('XADD', KEYS[3], 'MINID', (now[1] - day) .. '000', '*',
                        ARGV[8], event)
end

if not added or type(added) == 'table' and added.err then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', ARGV[8], event)
end

redis.call('EXPIRE', KEYS[3], day)
redis.call('SET', KEYS[7], number, 'EX', day)

if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
else
    redis.call('ZREM', KEYS[2], ARGV[2])
end

if ARGV[5] ~= '' then
    redis.call('ZADD', KEYS[4], ARGV[5], ARGV[2])
else
    redis.call('ZREM', KEYS[4], ARGV[2])
end

redis.call('ZREM', KEYS[5], ARGV[2])
redis.call('ZREM', KEYS[6], ARGV[2])

-- The stored response is written with its record only: a late one does not
-- replace that of another attempt.

if ARGV[11] ~= '' then
    redis.call('SET', KEYS[8], ARGV[11], 'PX', ARGV[12])
elseif ARGV[10] == '' then
    redis.call('EXPIRE', KEYS[8], 0)
end

redis.call('SET', KEYS[1], ARGV[7], 'EX', ARGV[3])

return 1
