--- Waits in a controller of cqueues: other coroutines of it go on meanwhile.
---
---     local client = aitronos.new { driver = require "aitronos.driver.cqueues" }
---
--- Outside of a controller a call blocks, as cqueues' own do: there is nothing else to go on.

local blocking = require "aitronos.driver.blocking"
local callers = require "aitronos.driver.callers"
local cqueues = require "cqueues"
local new_condition = require("cqueues.condition").new

---@type aitronos.Driver
local driver = {}

-- Those who wait for jobs of one client in one controller. One of them watches the descriptor and
-- makes the turns; each of the others sleeps on a condition of its own, so that a turn wakes no
-- more of them than it must. By client, and then by controller, with which all its coroutines die.
---@class aitronos.driver.cqueues.Crowd
---@field descriptor table what cqueues.poll takes
---@field conditions table<aitronos.Job, table>
---@field watcher? aitronos.Job the job of the one who watches
local crowds = setmetatable({}, { __mode = "k" })

local function crowd_of(client, controller)
  local of_client = crowds[client]
  if not of_client then
    of_client = setmetatable({}, { __mode = "k" })
    crowds[client] = of_client
  end
  local crowd = of_client[controller]
  if not crowd then
    crowd = {
      descriptor = { pollfd = client:fd(), events = "r" },
      -- Weak, lest a job that was left for good keep its client, and so this table, for ever.
      conditions = setmetatable({}, { __mode = "k" }),
    }
    of_client[controller] = crowd
  end
  return crowd
end

-- Lets the one who watches do so once.
local function watch(client, crowd, job)
  crowd.watcher = job
  cqueues.poll(crowd.descriptor)
  crowd.watcher = nil
  if job:done() then
    return -- and the client may be closed
  end
  local err = callers.turn(client)
  for other, condition in pairs(crowd.conditions) do
    if other:done() then
      condition:signal()
    end
  end
  return err
end

-- Somebody must watch as long as anybody waits. cqueues remembers what it has told the kernel about
-- a descriptor, so the last one tells it to forget this one before it can be closed.
local function leave(client, controller, crowd, job)
  crowd.conditions[job] = nil
  if crowd.watcher == job then
    crowd.watcher = nil
  end
  if not next(crowd.conditions) then
    crowds[client][controller] = nil
    cqueues.cancel(crowd.descriptor.pollfd)
  elseif not crowd.watcher then
    for _, condition in pairs(crowd.conditions) do
      if condition:signal(1) > 0 then
        break
      end
    end
  end
end

---@param client aitronos.Client
---@param job aitronos.Job
function driver.wait(client, job)
  local controller = cqueues.running()
  if not controller then
    return blocking.wait(client, job)
  end
  local crowd = crowd_of(client, controller)
  local condition = new_condition()
  crowd.conditions[job] = condition
  callers.wait(job, function()
    local err
    while not err and not job:done() do
      if crowd.watcher then
        cqueues.poll(condition)
      else
        err = watch(client, crowd, job)
      end
    end
    return err
  end, function()
    leave(client, controller, crowd, job)
  end)
end

return driver
