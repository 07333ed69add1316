--- Waits in a thread of copas: its other threads go on meanwhile.
---
---     local client = aitronos.new { driver = require "aitronos.driver.copas" }
---     copas.addthread(function() client:invite_user { … } end)
---
--- For copas 4, and for Debian's 1.2.

local callers = require "aitronos.driver.callers"
local copas = require "copas"

---@type aitronos.Driver
local driver = {}

-- To copas, a caller is a socket that it reads from. LuaSocket's select asks each `dirty`, so that
-- all whose job is done go on, whoever ended it. For the descriptor it tells one of those who share
-- it: that one makes the turn. Once the client is closed all are dirty, and the kernel is not asked
-- about a descriptor that is gone.
local function new_socket(client, job)
  local fd = client:fd()
  local socket = {}

  function socket.getfd()
    return fd
  end

  function socket.dirty()
    return job:done()
  end

  function socket.receive()
    local err = not job:done() and callers.turn(client)
    if not err and not job:done() then
      return nil, "timeout"
    end
    return true, err
  end

  -- copas 1 closes what it woke a thread with, when that thread ends.
  function socket.close() end

  return socket
end

--- A timer of copas, or an error handler, runs in no thread, and nothing else would go on.
---@param waits boolean
---@return string? reason
function driver.refusal(waits)
  if waits and not callers.in_coroutine() then
    return "with the driver copas, calls are made in a thread of copas"
  end
end

---@param client aitronos.Client
---@param job aitronos.Job
function driver.wait(client, job)
  local socket = new_socket(client, job)
  callers.wait(job, function()
    local _, err = copas.receive(socket)
    return err
  end, function() end)
end

return driver
