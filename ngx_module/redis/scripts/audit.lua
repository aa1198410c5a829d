-- Adds entries to an audit log.
--
-- KEYS: the log, a stream
-- ARGV: 1 length of the stream       2 seconds until entries expire
--       3 the writer's name          4 and following: the entries
--
-- Returns 1.  Entries that are too old are removed as in commit.lua, at each
-- write: there are few of them.

local now = redis.call('TIME')
local oldest = (now[1] - ARGV[2]) .. '000'

-- first, so that no entry is written if Redis refuses this: all of them would be
-- written again

local exists = redis.call('EXPIRE', KEYS[1], ARGV[2])

for i = 4, #ARGV do
    local added

    if i == 4 then
        added = redis.pcall('XADD', KEYS[1], 'MINID', oldest, '*', ARGV[3],
                            ARGV[i])
    end

    if not added or type(added) == 'table' and added.err then
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', ARGV[3],
                   ARGV[i])
    end
end

if exists == 0 then
    redis.call('EXPIRE', KEYS[1], ARGV[2])
end

return 1
