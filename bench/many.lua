--- Ours: the same requests through `invite_users`. Usage: URL COUNT CONCURRENCY
local aitronos = require "aitronos"

local url, count, concurrency = arg[1], tonumber(arg[2]), tonumber(arg[3])
local client = aitronos.new { api_key = "sandbox_unlimited", base_url = url }
local number = 0

local function next_params()
  number = number + 1
  return number <= count and {
    organization_id = "org_xyz789",
    email = "newmember@example.com",
    role_id = "role_member",
    send_invitation = true,
  } or nil
end

for outcome in client:invite_users(next_params, { concurrency = concurrency }) do
  if outcome.error then
    error(outcome.error)
  end
end
client:close()
