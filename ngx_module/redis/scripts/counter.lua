-- Creates the counter of events if Redis has none, as after it has lost all
-- data.  Without it, a gateway that has read Redis could not tell data that was
-- written since, and lost again, from data that was never written.
--
-- KEYS: the counter of events
--
-- Returns the number of the last event.

local number = tonumber(redis.call('GET', KEYS[1]) or 0) or 0

if not (number > 0 and number < 2 ^ 53) then
    local now = redis.call('TIME')

    -- the time in microseconds, as in commit.lua
    number = now[1] * 1000000 + now[2]
    redis.call('SET', KEYS[1], string.format('%.0f', number))
end

return string.format('%.0f', number)
