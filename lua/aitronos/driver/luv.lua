--- Waits in a loop of libuv: a call yields, and the loop resumes its coroutine.
---
---     local client = aitronos.new { driver = require "aitronos.driver.luv" }
---     coroutine.wrap(function() client:invite_user { … } end)()
---
--- In Neovim `require "luv"` is `vim.uv`, whose loop runs anyway; elsewhere `uv.run()` runs it.

local callers = require "aitronos.driver.callers"
-- Not at the first wait: luv calls back in the coroutine that it was loaded in.
local uv = require "luv"

---@type aitronos.Driver
local driver = {}

-- Those who wait for jobs of one client, by client. It has a handle as long as anybody waits, and
-- no longer, lest it keep the loop from ending.
---@class aitronos.driver.luv.Crowd
---@field threads table<aitronos.Job, thread>
---@field handle? userdata
---@field err? any what a turn raised; it ends all their waits
local crowds = {}

local function let_go(client, crowd)
  if crowds[client] == crowd then
    crowds[client] = nil
    crowd.handle:close()
  end
end

-- Resumes those who need not wait any more. What one of them raises is raised once all have been
-- resumed, for the loop to treat as it does any callback's; as text, since luv prints nothing else.
local function wake(crowd)
  local ready, problem = {}, nil
  for job in pairs(crowd.threads) do
    if crowd.err or job:done() then
      ready[#ready + 1] = job
    end
  end
  for _, job in ipairs(ready) do
    local thread = crowd.threads[job] -- if it has not left since
    if thread and coroutine.status(thread) == "suspended" then
      local fine, err = coroutine.resume(thread)
      if not fine and not problem then
        problem = debug.traceback(thread, tostring(err))
      end
    end
  end
  if problem then
    error(problem, 0)
  end
end

local function new_crowd(client)
  local crowd = { threads = {}, handle = assert(uv.new_poll(client:fd())) }
  assert(crowd.handle:start("r", function()
    crowd.err = callers.turn(client)
    if crowd.err then
      let_go(client, crowd)
    end
    wake(crowd)
  end))
  crowds[client] = crowd
  return crowd
end

--- A callback of the loop runs in no coroutine, and the loop would stand still for one that waits.
---@param waits boolean
---@return string? reason
function driver.refusal(waits)
  if waits and not callers.in_coroutine() then
    return "with the driver luv, calls are made in a coroutine"
  end
end

---@param client aitronos.Client
---@param job aitronos.Job
function driver.wait(client, job)
  local crowd = crowds[client] or new_crowd(client)
  crowd.threads[job] = coroutine.running()
  callers.wait(job, function()
    while not (crowd.err or job:done()) do
      coroutine.yield()
    end
    return not job:done() and crowd.err or nil
  end, function()
    crowd.threads[job] = nil
    if not next(crowd.threads) then
      let_go(client, crowd)
    end
  end)
end

return driver
