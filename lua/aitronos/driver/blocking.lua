--- Waits in the calling thread: the driver of plain Lua scripts.

-- A signal ends a turn early, so that Ctrl-C is seen however long this is.
local TURN_SECONDS = 60

---@type aitronos.Driver
local blocking = {}

local function turn_until_done(client, job)
  while not job:done() do
    client:turn(TURN_SECONDS)
  end
end

--- Whatever ends the wait, Ctrl-C or want of memory, ends the job too: a later turn must not send
--- what its caller took for given up.
---@param client aitronos.Client
---@param job aitronos.Job
function blocking.wait(client, job)
  local fine, err = pcall(turn_until_done, client, job)
  if not fine then
    job:cancel()
    error(err, 0)
  end
end

return blocking
