-- Waits for something that no event tells of.

local socket = require "socket"

local BOUND = 10

---Calls `check` until it returns something, which must happen soon enough.
return function(check)
  local give_up = socket.gettime() + BOUND
  repeat
    local result = check()
    if result then
      return result
    end
    socket.select(nil, nil, 0.02)
  until socket.gettime() > give_up
  error("did not happen within " .. BOUND .. " seconds", 2)
end
