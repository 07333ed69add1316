--- Invites people all at once in threads of copas:
---
---     FREDDY_API_KEY=… lua examples/copas.lua ADDRESS…
local copas = require "copas" -- before anything that loads socket.http
local aitronos = require "aitronos"

local client = aitronos.new { driver = require "aitronos.driver.copas" }
local open = #arg

for _, address in ipairs(arg) do
  copas.addthread(function()
    local invitation, err = client:try_invite_user {
      organization_id = "org_xyz789",
      email = address,
      role_id = "role_member",
    }
    print(address, invitation and invitation.invitation_id or tostring(err))
    open = open - 1
  end)
end

-- copas.loop() does the same in copas 4. In copas 1 it never ends.
while open > 0 do
  copas.step()
end
client:close()
