--- Many invitations in one process: what stays in memory, and how many descriptors are open.
--- Usage: soak.lua [COUNT], with AITRONOS_BASE_URL at a sandbox.
local aitronos = require "aitronos"

local count = tonumber(arg[1]) or 100000
local client = aitronos.new { api_key = "sandbox_unlimited" }

local function status_kb(field)
  for line in io.lines("/proc/self/status") do
    local value = line:match("^" .. field .. ":%s*(%d+) kB")
    if value then
      return tonumber(value)
    end
  end
end

-- Counted while this process has nothing to do with it, as a pipe of its own would be.
local function descriptors()
  local pid = io.open("/proc/self/stat"):read("*n")
  local path = os.tmpname()
  os.execute(("ls /proc/%d/fd | wc -l >%s"):format(pid, path))
  local file = assert(io.open(path))
  local n = file:read("*n")
  file:close()
  os.remove(path)
  return n
end

local function invite(i)
  client:invite_user {
    organization_id = "org_xyz789",
    email = ("person%d@example.com"):format(i),
    role_id = "role_member",
    send_invitation = false,
  }
end

print(_VERSION .. ("%12s%12s%14s"):format("invitations", "RSS kB", "descriptors"))
for i = 1, count do
  invite(i)
  if i == 1000 or i % (count / 5) == 0 then
    collectgarbage()
    collectgarbage()
    print(("%19d%12d%14d"):format(i, status_kb "VmRSS", descriptors()))
  end
end
client:close()
