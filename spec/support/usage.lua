-- What this process has open.

local eventually = require "spec.support.eventually"
local lfs = require "lfs"

local usage = {}

local function count(folder)
  local n = 0
  for name in lfs.dir(folder) do
    if name ~= "." and name ~= ".." then
      n = n + 1
    end
  end
  return n
end

---How many descriptors, with the one that looks.
function usage.descriptors()
  return count("/proc/self/fd")
end

---How many threads.
function usage.threads()
  return count("/proc/self/task")
end

---Raises if more is open after twenty rounds than after one, which opens what stays.
---@param round fun()
function usage.assert_steady(round)
  round()
  local descriptors, threads = usage.descriptors(), usage.threads()
  for _ = 1, 20 do
    round()
  end
  eventually(function()
    collectgarbage()
    return usage.descriptors() <= descriptors and usage.threads() <= threads
  end)
end

return usage
