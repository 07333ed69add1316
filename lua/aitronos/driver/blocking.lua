--- Waits in the calling thread: the driver of plain Lua scripts.

-- A signal ends a turn early, so that Ctrl-C is seen however long this is.
local TURN_SECONDS = 60

---@type aitronos.Driver
local blocking = {}

---@param client aitronos.Client
---@param job aitronos.Job
function blocking.wait(client, job)
  while not job:done() do
    client:turn(TURN_SECONDS)
  end
end

return blocking
