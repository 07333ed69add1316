-- Makes many clients, uses each once and closes it: nothing of them may be left.
local aitronos = require "aitronos"
local usage = require "spec.support.usage"

local base_url, secure_base_url, ca_file = ...

local CLIENTS, EVERY = 1000, 10

local function use(n)
  local client = aitronos.new {
    api_key = "sandbox_unlimited",
    base_url = n % EVERY == 0 and secure_base_url or base_url,
    ca_file = ca_file,
  }
  client:invite_user {
    organization_id = "org_xyz789",
    email = ("client%d@example.com"):format(n),
    role_id = "role_member",
  }
  client:close()
end

local function resident_kib()
  local file = io.open("/proc/self/status")
  local text = file:read("*a")
  file:close()
  return tonumber(text:match("VmRSS:%s+(%d+)"))
end

for n = 1, EVERY do
  use(n)
end
collectgarbage()
local descriptors, before = usage.descriptors(), resident_kib()
for n = EVERY + 1, EVERY + CLIENTS do
  use(n)
end
collectgarbage()
local left = usage.descriptors() - descriptors
assert(left == 0, left .. " descriptors are left")
print(("# resident memory: %d KiB after %d clients, %d KiB after %d"):format(before, EVERY,
  resident_kib(), EVERY + CLIENTS))
