-- Updates: each of the next account, with a password of its own.
-- arguments: how many accounts, a word for the passwords of this run

local count, word, i = 1, "", 0
local headers = { ["Content-Type"] = "application/json" }

function init(args)
    count, word = tonumber(args[1]), args[2]
end

function request()
    i = i + 1
    return wrk.format("PUT",
        string.format("/api/authenticate/acct_%07d/credentials", i % count),
        headers, string.format(
            '{"auth_type":"email_password","email":"someone@example.com",'
            .. '"password":"%s-%09d"}', word, i))
end
