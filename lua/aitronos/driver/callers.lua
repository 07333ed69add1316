--- What the drivers of event loops share. A caller that waits in a coroutine may never come back,
--- since a host can drop a coroutine for good: then its job is to be cancelled.
---
--- Where a coroutine is closed, Lua 5.4 tells at once. Else the collector tells, some time later
--- and in the midst of anything: the job is only noted then, and cancelled before the next turn.
--- Without a turn it sends nothing more.

local finalizer = require "aitronos.finalizer"

local callers = {}

--- Whether whoever calls this runs in a coroutine, which can wait while others go on.
---@return boolean
function callers.in_coroutine()
  local thread, is_main = coroutine.running()
  return thread ~= nil and not is_main
end

local orphans = {}

local function disown(guard)
  if guard.job then
    orphans[#orphans + 1] = guard.job
  end
end

local function close(guard)
  local job = guard.job
  if job then
    guard.job = nil
    job:cancel()
    guard.leave(job)
  end
end

local metatable = { __close = close }

local function once(_, before)
  if not before then
    return true
  end
end

--- Waits for a job in the calling coroutine.
---@param job aitronos.Job
---@param wait fun(job: aitronos.Job): any yields until the job is done, or returns an error
---@param leave fun(job: aitronos.Job) called once: nothing waits for the job any more
function callers.wait(job, wait, leave)
  local guard = finalizer.set({ job = job, leave = leave }, metatable, disown)
  local err
  -- Lua 5.4 closes the fourth value however the loop is left; older ones take no notice of it.
  for _ in once, nil, nil, guard do
    err = wait(job)
    guard.job = nil
  end
  leave(job)
  if err then
    job:cancel()
    error(err, 0)
  end
end

local function turn(client)
  for index = #orphans, 1, -1 do
    table.remove(orphans, index):cancel()
  end
  client:turn()
end

--- Makes one turn. Returns what it raised, for a caller to raise in its own coroutine.
---@param client aitronos.Client
---@return any? err
function callers.turn(client)
  local fine, err = pcall(turn, client)
  return not fine and err or nil
end

return callers
