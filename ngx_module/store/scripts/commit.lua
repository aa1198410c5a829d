-- Writes one account's record, if the copy that the writer judged by is still
-- the one that is here.
--
-- KEYS: record, active, due, events [, attempt: where one is known]
-- ARGV: 1 revision the writer saw (0: no record)   2 account
--       3 seconds the record lives                 4 score in "active" or ""
--       5 score in "due" or ""                     6 length of the stream
--       7 the record, all of it but "revision"
--
-- Returns {1} where it was written, as the next revision; {0, field, value, ...}
-- with the record that is here where the writer has to judge again.

local record = KEYS[1]
local seen = redis.call('HGET', record, 'revision') or '0'

if seen ~= ARGV[1] then
    local now = redis.call('HGETALL', record)
    table.insert(now, 1, 0)
    return now
end

local revision = string.format('%.0f', tonumber(seen) + 1)

redis.call('HSET', record, 'revision', revision, 'record', ARGV[7])
redis.call('EXPIRE', record, ARGV[3])

if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
else
    redis.call('ZREM', KEYS[2], ARGV[2])
end

if ARGV[5] ~= '' then
    redis.call('ZADD', KEYS[3], ARGV[5], ARGV[2])
else
    redis.call('ZREM', KEYS[3], ARGV[2])
end

if KEYS[5] then
    redis.call('SET', KEYS[5], ARGV[2], 'EX', ARGV[3])
end

redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[6], '*',
           'revision', revision, 'record', ARGV[7])

return {1}
