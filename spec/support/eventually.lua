-- Waits for something that no event tells of.

local socket = require "socket"

local NAP_SECONDS = 0.02
-- A minute at least. Counted, since a slow machine may take its time and clocks are set.
local NAPS = 60 / NAP_SECONDS

---Calls `check` until it returns something, which must happen soon enough.
return function(check)
  for _ = 1, NAPS do
    local result = check()
    if result then
      return result
    end
    socket.sleep(NAP_SECONDS)
  end
  error("has not happened", 2)
end
