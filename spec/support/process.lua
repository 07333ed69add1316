-- What this process has open.

local lfs = require "lfs"

local process = {}

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
function process.descriptors()
  return count("/proc/self/fd")
end

---How many threads.
function process.threads()
  return count("/proc/self/task")
end

return process
