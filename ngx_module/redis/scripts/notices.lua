-- Leases the notices of a receiver to one gateway, acknowledges those that were
-- delivered, and reads more of them.
--
-- The consumer of the group has the same name on all gateways: what one of them
-- has read and not acknowledged is pending there, and is read by the next one.
--
-- KEYS: the lease, the stream of notices
-- ARGV: 1 the worker that asks               2 the lease, in ms; "0": ends it
--       3 the group and its consumer         4 maximum number of notices
--       5 ">" or the ID after which those    6 and following: IDs of delivered
--         that are pending are read             ones
--
-- Returns 0 if another worker has the lease; otherwise 1, or 2 if it was taken
-- just now, 1 if the group was made just now, and the notices.

local lease, stream, group = KEYS[1], KEYS[2], ARGV[3]
local created = 0

-- Without the group, Redis has lost its data, or this is the first time: notices
-- may have been written before.

local function read(from)
    local command = { 'XREADGROUP', 'GROUP', group, group, 'COUNT', ARGV[4],
                      'STREAMS', stream, from }
    local reply = redis.pcall(unpack(command))

    if type(reply) == 'table' and reply.err then

        if string.find(reply.err, 'NOGROUP', 1, true) then
            redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
            created = 1
        end

        reply = redis.call(unpack(command))
    end

    return reply and reply[1] and reply[1][2] or {}
end

-- what was delivered is not sent again, whoever has the lease

if #ARGV > 5 then
    redis.call('XACK', stream, group, unpack(ARGV, 6))
end

local holder = redis.call('GET', lease)

if holder and holder ~= ARGV[1] then
    return { 0 }
end

if ARGV[2] == '0' then
    redis.call('EXPIRE', lease, 0)
    return { 0 }
end

-- the lease is taken last: a gateway that may not read has none

local notices = tonumber(ARGV[4]) > 0 and read(ARGV[5]) or {}

redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])

return { holder and 1 or 2, created, notices }
