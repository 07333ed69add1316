--- Ours: the same requests through `invite_user`, everything included. Usage: URL COUNT
local aitronos = require "aitronos"

local url, count = arg[1], tonumber(arg[2])
local client = aitronos.new {
  api_key = "sandbox_unlimited", base_url = url, ca_file = os.getenv "CA_FILE",
}

for _ = 1, count do
  client:invite_user {
    organization_id = "org_xyz789",
    email = "newmember@example.com",
    role_id = "role_member",
    send_invitation = true,
  }
end
client:close()
