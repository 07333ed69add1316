--- Invites people all at once in a loop of cqueues:
---
---     FREDDY_API_KEY=… lua examples/cqueues.lua ADDRESS…
local aitronos = require "aitronos"
local cqueues = require "cqueues"

local client = aitronos.new { driver = require "aitronos.driver.cqueues" }
local controller = cqueues.new()

for _, address in ipairs(arg) do
  controller:wrap(function()
    local invitation, err = client:try_invite_user {
      organization_id = "org_xyz789",
      email = address,
      role_id = "role_member",
    }
    print(address, invitation and invitation.invitation_id or tostring(err))
  end)
end

assert(controller:loop())
client:close()
