-- Waits for something that no event tells of.

local socket = require "socket"

local BOUND = 10

---Calls `check` until it returns something, which must happen within `bound` seconds (10).
return function(check, bound)
  bound = bound or BOUND
  local give_up = socket.gettime() + bound
  repeat
    local result = check()
    if result then
      return result
    end
    socket.select(nil, nil, 0.02)
  until socket.gettime() > give_up
  error("did not happen within " .. bound .. " seconds", 2)
end
