-- Ends with jobs in flight and in line, and with its client open, with a thread of its own or
-- without. A finalizer of its own runs after the client's and finds its job ended.
local aitronos = require "aitronos"

local base_url, ca_file, with_thread = ...

-- newproxy, which makes what can have a finalizer in Lua 5.1, is gone from later ones.
local newproxy = rawget(_G, "newproxy")
local job

-- What a finalizer raises, nobody hears of.
local function finalizer()
  if not (pcall(job.cancel, job) and job:done()) then
    os.exit(3)
  end
end

local function guard()
  if not newproxy then
    return setmetatable({}, { __gc = finalizer })
  end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = finalizer
  return proxy
end

local function person(address)
  return { organization_id = "org_xyz789", email = address, role_id = "role_member" }
end

local function unique()
  local file = io.open("/dev/urandom", "rb")
  local bytes = file:read(8)
  file:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

_G.guard = guard()
_G.client = aitronos.new {
  api_key = "sandbox_unlimited",
  base_url = base_url,
  ca_file = ca_file,
  concurrency = 3,
}
if with_thread then
  _G.client:fd()
end
-- What follows is sent over its connection in the first turn.
_G.client:invite_user(person(unique() .. "@example.com"))
job = _G.client:submit(person "fault+hang@example.com")
for _ = 1, 4 do
  _G.client:submit(person "fault+hang@example.com")
end
_G.client:turn()
