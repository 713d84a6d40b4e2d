-- wrk: posts a body. Argument: its bytes.
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  wrk.body = string.rep("x", tonumber(arguments[1]))
end
