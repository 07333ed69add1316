-- Ends with jobs in flight and in line, and with its client open, with a thread of its own or
-- without. A finalizer of its own runs after the client's and finds its job ended.
local aitronos = require "aitronos"
local with_finalizer = require "spec.support.finalizer"

local base_url, ca_file, with_thread = ...

local job

local function check_job()
  if not (pcall(job.cancel, job) and job:done()) then
    os.exit(3)
  end
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

_G.guard = with_finalizer(check_job)
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
