--- Invites one person and says what came of it:
---
---     FREDDY_API_KEY=… lua examples/invite.lua ADDRESS [ORGANIZATION [ROLE]]
---
--- AITRONOS_BASE_URL says where to, if it is not the real API.
local aitronos = require "aitronos"

local person = {
  email = arg[1] or "newmember@example.com",
  organization_id = arg[2] or "org_xyz789",
  role_id = arg[3] or "role_member",
  send_invitation = true,
}

local client = aitronos.new()
local invitation, response = client:try_invite_user(person)
client:close()

if not invitation then
  local err = response
  print(tostring(err))
  print("  kind         " .. err.kind)
  print("  code         " .. err.code)
  print("  the invite   " .. err.outcome)
  print("  try again?   " .. (err.retryable and "yes" or "no"))
  os.exit(1, true)
end

print("invited " .. invitation.email)
print("  invitation   " .. invitation.invitation_id)
print("  user         " .. invitation.user_id .. (invitation.is_new_user and " (new)" or ""))
print("  expires      " .. invitation.expires_at)
print(("  answer       HTTP %d after %.1f ms, request %s"):format(
  response.status, response.elapsed * 1000, response.request_id))
