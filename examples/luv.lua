--- Invites people all at once in libuv's loop, with luv or in Neovim:
---
---     FREDDY_API_KEY=… lua examples/luv.lua ADDRESS…
---     FREDDY_API_KEY=… nvim -l examples/luv.lua ADDRESS…
local aitronos = require "aitronos"
local uv = vim and vim.uv or require "luv"

local client = aitronos.new { driver = require "aitronos.driver.luv" }
local open = #arg

local function invite(address)
  local invitation, err = client:try_invite_user {
    organization_id = "org_xyz789",
    email = address,
    role_id = "role_member",
  }
  print(address, invitation and invitation.invitation_id or tostring(err))
  open = open - 1
end

-- A call yields, so it is made in a coroutine.
for _, address in ipairs(arg) do
  coroutine.wrap(invite)(address)
end

if vim then
  -- Only a script needs this: Neovim's own loop runs as long as the editor does.
  vim.wait(120000, function() return open == 0 end)
else
  uv.run()
end
client:close()
