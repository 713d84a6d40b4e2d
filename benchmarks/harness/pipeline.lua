-- wrk: sends so many requests at once. Argument: how many.
local together

function init(arguments)
  together = wrk.format():rep(tonumber(arguments[1]))
end

function request()
  return together
end
