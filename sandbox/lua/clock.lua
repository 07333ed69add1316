-- The time that invitations live by. A test can move it ahead; a reset puts it back.

local clock = {}

local counters = ngx.shared.counters

---@return number seconds  by which it is ahead
function clock.ahead()
  return counters:get("clock") or 0
end

---@return number seconds  Unix time
function clock.now()
  return ngx.now() + clock.ahead()
end

function clock.advance(seconds)
  counters:incr("clock", seconds, 0)
end

return clock
