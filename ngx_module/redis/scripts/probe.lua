-- Whether Redis does what a change takes, without one: leaves keys that expire.
-- The text also shows whether the gateways have the same secret.
--
-- KEYS: a text, a sorted set, a stream; absent while connecting: the set of active
--       accounts, the counter of events
-- ARGV: 1 the writer's name; 2 the mark of its secret, in hexadecimal digits,
--       or empty; absent while connecting: the text is written as it is
--
-- Returns 1, or 2 if the last writer is another gateway with another secret; with
-- the other keys, followed by the number of active accounts, -1 if the user has
-- no right to read it, and by the counter.

local last = redis.call('GET', KEYS[1])
local writer, mark = string.match(last or '', '^(%S+) (%x+)$')
local other = mark and writer ~= ARGV[1] and (ARGV[2] or '') ~= ''
              and mark ~= ARGV[2]

redis.call('SET', KEYS[1], ARGV[2] and ARGV[1] .. ' ' .. ARGV[2] or last or '',
           'EX', 60)

redis.call('ZADD', KEYS[2], 1, ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])

redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', ARGV[1], '')
redis.call('EXPIRE', KEYS[3], 60)

local found = other and 2 or 1

if not KEYS[4] then
    return found
end

local members = redis.pcall('ZCARD', KEYS[4])
local number = redis.pcall('GET', KEYS[5])

return { found, type(members) == 'number' and members or -1,
         type(number) == 'string' and number or '0' }
