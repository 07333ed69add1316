--- Ours: the same requests through `invite_user`, everything included. Usage: URL COUNT; prints
--- the seconds that COUNT invitations took.
local aitronos = require "aitronos"

local url, count = arg[1], tonumber(arg[2])
local client = aitronos.new { api_key = "sandbox_unlimited", base_url = url }
local clock = require("socket").gettime

local function run(n)
  for _ = 1, n do
    client:invite_user {
      organization_id = "org_xyz789",
      email = "newmember@example.com",
      role_id = "role_member",
      send_invitation = true,
    }
  end
end

run(1)
local started = clock()
run(count)
print(("%.6f"):format(clock() - started))
client:close()
