--- The life of an invitation: invited, looked up, sent again, accepted. At the sandbox, since it
--- takes both sides:
---
---     make sandbox
---     FREDDY_API_KEY=sandbox_owner AITRONOS_BASE_URL=http://127.0.0.1:8787 \
---       lua examples/lifecycle.lua [ADDRESS [ORGANIZATION]]
local aitronos = require "aitronos"

local email = arg[1] or ("newmember+%d@example.com"):format(os.time())
local organization_id = arg[2] or "org_xyz789"
local client = aitronos.new()

local function say(step, ...)
  print(("%-10s "):format(step) .. string.format(...))
end

local names, role = {}, nil
for _, found in ipairs(client:list_roles { organization_id = organization_id }) do
  names[#names + 1] = found.name
  role = found.name == "Member" and found or role
end
say("roles", "may be given here: %s", table.concat(names, ", "))

local invited = client:invite_user {
  organization_id = organization_id, email = email, role_id = role.id,
}
say("invite", "%s was invited (%s)", email, invited.invitation_id)

local who = { organization_id = organization_id, email = email }
local invitation = client:get_invitation(who)
say("look up", "pending until %s", invitation.expires_at)

client:resend_invitation { organization_id = organization_id, user_id = invitation.user_id }
say("resend", "the mail was sent again")

-- From here on it is the one who was invited; the key is in the link of the mail.
local key = invited.invitation_key
local offer = client:validate_invitation { email_key = key }
say("validate", "the link is good: to %s, as %s", offer.organization_name, offer.role_name)

local account = client:complete_invitation {
  email_key = key, full_name = "Ida Example", password = "correct horse battery",
}
say("complete", "%s has an account and is a member", account.user_id)

local found, err = client:try_get_invitation(who)
assert(not found and err.kind == "not_found", err)
say("look up", "there is no pending invitation any more")

local again
again, err = client:try_invite_user {
  organization_id = organization_id, email = email, role_id = role.id,
}
assert(not again and err.kind == "conflict", err)
say("invite", "not again: %s", err.message)

client:close()
