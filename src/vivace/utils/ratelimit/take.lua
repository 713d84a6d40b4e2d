-- Takes a cost from every limit of a key, or from none: `algorithms.py` in Redis. Times are microseconds.
-- ARGV: cost, the time ("" for Redis' own), and three for each key: kind, maximum, and the time of one token (bucket) or
-- of one part (window). Returns: allowed, and four for each key: allowed, remaining, reset_after, retry_after (-1: never).
local PARTS = 60
local cost = tonumber(ARGV[1])
local now = tonumber(ARGV[2])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- What a bucket would answer, and the time at which it is full then.
local function look_bucket(key, maximum, interval, cost)
    local full_at = math.max(now, tonumber(redis.call('GET', key) or now))
    local after = full_at + cost * interval
    local over = after - now - maximum * interval
    local allowed = over <= interval * 0.001
    local left = (allowed and after or full_at) - now
    local remaining = math.max(math.floor(maximum - left / interval + 0.001), 0)
    local retry = 0
    if not allowed then retry = cost <= maximum and over or -1 end
    return {allowed = allowed, remaining = remaining, reset = left, retry = retry, after = after}
end

-- What a window would answer; `old` are the parts that are over.
local function look_window(key, maximum, length, cost)
    local part = math.floor(now / length)
    local parts, old, used, newest = {}, {}, 0, part - PARTS - 1
    local fields = redis.call('HGETALL', key)
    for i = 1, #fields, 2 do
        local number, count = tonumber(fields[i]), tonumber(fields[i + 1])
        if number < part - PARTS then
            old[#old + 1] = fields[i]
        else
            parts[#parts + 1] = {number, count}
            used = used + count
            newest = math.max(newest, number)
        end
    end
    local remaining = math.max(maximum - used, 0)
    local reset = math.max((newest + PARTS + 1) * length - now, 0)
    local answer = {allowed = used + cost <= maximum, remaining = remaining, reset = reset, retry = 0, part = part, old = old}
    if answer.allowed then
        answer.remaining = remaining - cost
        if cost > 0 then answer.reset = (PARTS + 1) * length end
    else
        local lacking = cost - remaining
        answer.retry = -1
        table.sort(parts, function(a, b) return a[1] < b[1] end)
        for _, each in ipairs(parts) do
            lacking = lacking - each[2]
            if lacking <= 0 then
                answer.retry = (each[1] + PARTS + 1) * length - now
                break
            end
        end
    end
    return answer
end

local function look(i, cost)
    local kind, maximum, span = ARGV[3 * i], tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
    return (kind == 'bucket' and look_bucket or look_window)(KEYS[i], maximum, span, cost)
end

local answers, allowed = {}, true
for i = 1, #KEYS do
    answers[i] = look(i, cost)
    allowed = allowed and answers[i].allowed
end
for i, key in ipairs(KEYS) do
    local answer = answers[i]
    if not allowed then
        if answer.allowed then answers[i] = look(i, 0) end
    elseif cost > 0 then
        local life = math.ceil(answer.reset / 1000) + 1000
        if answer.after then
            redis.call('SET', key, string.format('%.3f', answer.after), 'PX', life)
        else
            if #answer.old > 0 then redis.call('HDEL', key, unpack(answer.old)) end
            redis.call('HINCRBY', key, string.format('%.0f', answer.part), cost)
            redis.call('PEXPIRE', key, life)
        end
    end
end
local result = {allowed and 1 or 0}
for _, answer in ipairs(answers) do
    result[#result + 1] = answer.allowed and 1 or 0
    result[#result + 1] = answer.remaining
    result[#result + 1] = math.ceil(answer.reset)
    result[#result + 1] = math.ceil(answer.retry)
end
return result
