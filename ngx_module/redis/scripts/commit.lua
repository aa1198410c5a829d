-- Writes the record of an account if the revision in Redis is still the one
-- that the change was judged by.
--
-- KEYS: record, active, events, queue of polls, the other queues of polls, the
--       counter of events, the stored response for repeated updates; with
--       notices, also: what was told of the account, the accounts that wait for
--       a person, the notices
-- ARGV: 1 revision the writer saw (0: no record,    2 account
--         "": none that can be written over)
--       3 seconds until the record expires         4 score in "active" or ""
--       5 score in the queue or ""                 6 "1": once a minute, events older than
--       7 the record, in its next revision            a day are removed
--       8 the writer's name                        9 its event, without the number
--       10 "" if the attempt has no stored response: that of another one ends
--       11 the stored response, or "" not to     12 milliseconds until it
--          change it                                expires
--      with notices:
--      13 "waits", "before", "attempts",        14 milliseconds until an account
--         "ends": see reauth_notice_wait_t         still waits, separated by
--      15 "1" if a receiver wants the              spaces
--         event, if there is one                16 the event
--      17 the identity of the notice            18 its body
--      19 the position of "data" in the body
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

local number = tonumber(redis.call('GET', KEYS[7]) or 0) or 0

if not (number > 0 and number < 2 ^ 53) then
    local now = redis.call('TIME')
    number = now[1] * 1000000 + now[2]
end

number = string.format('%.0f', number + 1)

-- no account has this name, so no score is converted to a string

redis.call('ZSCORE', KEYS[2], '')
redis.call('ZSCORE', KEYS[4], '')

if KEYS[9] then
    redis.call('GET', KEYS[9])
    redis.call('ZSCORE', KEYS[10], '')
    redis.call('XREVRANGE', KEYS[11], '0-1', '0-1')
end

-- Events expire after a day, as records do: each worker removes old ones once a
-- minute.  Redis before 6.2 cannot trim a stream by age.  A stream without events
-- for a day expires: this is set then, and with each account without a record, as
-- Redis may have lost its data.  The length is limited always.

local day = 86400

local function append(key, most, seconds, trims, ...)
    local added

    if trims then
        local now = redis.call('TIME')
        added = redis.pcall('XADD', key, 'MINID', (now[1] - seconds) .. '000',
                            '*', ...)
    end

    if not added or type(added) == 'table' and added.err then
        redis.call('XADD', key, 'MAXLEN', '~', most, '*', ...)
    end
end

local event = ARGV[9] .. 'number ' .. number .. '\n'

append(KEYS[3], '10000', day, ARGV[6] ~= '', ARGV[8], event)

if ARGV[6] ~= '' or not seen then
    redis.call('EXPIRE', KEYS[3], day)
end

redis.call('SET', KEYS[7], number)

if ARGV[4] ~= '' then
    redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
else
    redis.call('ZREM', KEYS[2], ARGV[2])
end

-- An account that is in this queue already is in no other one, unless a gateway
-- lost its connection while it moved the account: a worker looks once a minute.

if ARGV[5] == '' then
    redis.call('ZREM', KEYS[4], ARGV[2])
end

if ARGV[5] == '' or redis.call('ZADD', KEYS[4], ARGV[5], ARGV[2]) == 1
   or ARGV[6] ~= ''
then
    redis.call('ZREM', KEYS[5], ARGV[2])
    redis.call('ZREM', KEYS[6], ARGV[2])
end

-- The stored response is written with its record only: a late one does not
-- replace that of another attempt.  It ends with the record that has "kept", or
-- "prior_kept", which ends in the same way.

if ARGV[11] ~= '' then
    redis.call('SET', KEYS[8], ARGV[11], 'PX', ARGV[12])
elseif ARGV[10] == '' and (not seen or string.find(seen, 'kept 1\n', 1, true))
then
    redis.call('EXPIRE', KEYS[8], 0)
end

if KEYS[9] then
    local event, identity, body = ARGV[16], ARGV[17], ARGV[18]
    local before = redis.call('GET', KEYS[9])

    -- What was told of the account: the events of its notices, as a sum of
    -- bits; since when it waits, in ms, 0: it does not; the number of times of
    -- "still waiting" that were told; the identity of the last notice; its data.

    local events, since, times, told, data = string.match(before or '',
        '^(%d+) (%d+) (%d+) ([^\n]*)\n(.*)$')

    events, since, times = tonumber(events or 0), tonumber(since or 0),
                           tonumber(times or 0)

    -- a notice is given up after a day

    local function tell(...)
        if ARGV[15] ~= '' then
            local seconds = day + 3600

            append(KEYS[11], 100000, seconds, redis.call('TIME')[2] % 16 == 0,
                   'type', event, 'account', ARGV[2], 'body', body, ...)
            redis.call('EXPIRE', KEYS[11], seconds)
        end
    end

    local function words(text)
        local list = {}

        for word in string.gmatch(text, '%S+') do
            list[#list + 1] = word
        end

        return list
    end

    -- Whether it is the notice that was told last: it is about the same attempt,
    -- or about a failure after another one, without an attempt in between.

    local function same()
        local this, last = words(identity), words(told or '')

        return this[1] == last[1] and this[2] == last[2]
               and (this[3] == last[3] or this[4] == last[4]
                    or this[5] == last[5] and this[5] ~= '-'
                    or event == 'account.failed' and since > 0)
    end

    if ARGV[13] == 'ends' then

        if told and event then
            tell('told', string.format('%.0f', events))
        end

        redis.call('EXPIRE', KEYS[9], 0)
        redis.call('ZREM', KEYS[10], ARGV[2])

    elseif event then

        if not same() then
            local bit = tonumber(words(identity)[1])

            tell()

            if math.floor(events / bit) % 2 == 0 then
                events = events + bit
            end
        end

        told, data = identity, string.sub(body, ARGV[19], -2)
    end

    if told and ARGV[13] == 'attempts' then
        since, times = 0, 0
        redis.call('ZREM', KEYS[10], ARGV[2])

    elseif told and ARGV[13] ~= 'ends' and since == 0 then
        local now = redis.call('TIME')
        since = now[1] * 1000 + math.floor(now[2] / 1000)

        if ARGV[14] ~= '' then
            redis.call('ZADD', KEYS[10], string.format('%.0f',
                       since + string.match(ARGV[14], '^%d+')), ARGV[2])
        end
    end

    if told and ARGV[13] ~= 'ends' then
        local after = string.format('%.0f %.0f %.0f %s\n%s', events, since,
                                    times, told, data)

        if after ~= before then
            redis.call('SET', KEYS[9], after, 'EX', 30 * day)
        end
    end
end

redis.call('SET', KEYS[1], ARGV[7], 'EX', ARGV[3])

return 1
