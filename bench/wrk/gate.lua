-- Calls of accounts in turn, so far apart that no cache line serves two.
-- arguments: the number of the first account, how many, a token or none

local requests, n, i = {}, 0, 0

function init(args)
    local first, count = tonumber(args[1]), tonumber(args[2])
    local headers = args[3] and { ["Authorization"] = "Bearer " .. args[3] }
    local step = count > 7919 and 7919 or 1

    n = math.min(count, 100000)

    for k = 1, n do
        requests[k] = wrk.format("GET",
            string.format("/api/acct_%07d/chats", first + k * step % count),
            headers)
    end
end

function request()
    i = i % n + 1
    return requests[i]
end
