-- What this process has open.

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

return usage
