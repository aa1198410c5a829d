-- Removes an account that is listed as active but has no record from the
-- indexes: its key was deleted, or has expired.  Both are written at once, so a
-- record that is being written is here or adds the account again.
--
-- Gateways that know the attempt write its record again when they read the
-- event.  Those of earlier versions skip an event with a second field; they miss
-- its number, and read all that is active again.
--
-- KEYS: record, active, the queues of polls (3), events, the counter of events
-- ARGV: 1 account   2 the writer's name   3 length of the stream
--
-- Returns 1 if the account was removed, otherwise 0.

if not redis.call('ZSCORE', KEYS[2], ARGV[1])
   or redis.call('EXISTS', KEYS[1]) == 1
then
    return 0
end

-- the number of the event, as in commit.lua

local number = tonumber(redis.call('GET', KEYS[7]) or 0) or 0

if not (number > 0 and number < 2 ^ 53) then
    local now = redis.call('TIME')
    number = now[1] * 1000000 + now[2]
end

number = string.format('%.0f', number + 1)

-- what Redis may refuse for want of memory is written first

redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[3], '*', ARGV[2], '', 'deleted',
           'account ' .. ARGV[1] .. '\nnumber ' .. number .. '\n')
redis.call('EXPIRE', KEYS[6], 86400)
redis.call('SET', KEYS[7], number)

for i = 2, 5 do
    redis.call('ZREM', KEYS[i], ARGV[1])
end

return 1
