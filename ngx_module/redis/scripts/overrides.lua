-- Reads all overrides of gates that have not ended.
--
-- KEYS: the set that lists them, prefix of their keys
-- ARGV: 1 maximum number of overrides
--
-- Returns them.

local now = redis.call('TIME')
local accounts = redis.call('ZRANGEBYSCORE', KEYS[1], now[1] .. '000', '+inf',
                            'LIMIT', 0, ARGV[1])
local overrides = {}

for _, account in ipairs(accounts) do
    local override = redis.call('GET', KEYS[2] .. account)

    if override then
        overrides[#overrides + 1] = override
    end
end

return overrides
