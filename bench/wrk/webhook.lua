-- Webhooks that were signed before, each sent once while they last.
-- arguments: the file with a signature and a body on each line

local lines, i = {}, 0

function init(args)
    for line in io.lines(args[1]) do
        local key, signature, body = line:match("^(%S+) (%S+) (.*)$")
        lines[#lines + 1] = wrk.format("POST", "/reauth/webhook", {
            ["Content-Type"] = "application/json",
            ["Signature"] = signature,
            ["X-OFAPI-Idempotency-Key"] = key,
        }, body)
    end
end

function request()
    i = i % #lines + 1
    return lines[i]
end
