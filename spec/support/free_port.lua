--- A port that is free and stays so until whoever is meant to have it takes it.

local socket = require "socket"

-- Below those that the kernel gives away by itself (32768 and up), thousands a minute where specs
-- run side by side.
local FIRST, COUNT = 10000, 20000

local function random_port()
  local file = assert(io.open("/dev/urandom", "rb"))
  local one, other = file:read(2):byte(1, 2)
  file:close()
  return FIRST + (one * 256 + other) % COUNT
end

local given = {}

---@return integer port  another one each time
return function()
  while true do
    local port = random_port()
    local probe = not given[port] and socket.bind("127.0.0.1", port)
    if probe then
      probe:close()
      given[port] = true
      return port
    end
  end
end
