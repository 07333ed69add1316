--- Invites users to an Aitronos organization.
---
--- ```lua
--- local aitronos = require "aitronos"
---
--- local invitation = aitronos.invite_user {
---   organization_id = "org_xyz789",
---   email = "newmember@example.com",
---   role_id = "role_member",
--- }
--- print(invitation.invitation_id, invitation.expires_at)
--- ```
local client = require "aitronos.client"
local errors = require "aitronos.error"
local options = require "aitronos.options"

---@class aitronos
local aitronos = {
  _VERSION = "0.1.0",
}

--- Makes a client: one set of connections, limits and credentials. Make one and keep it.
---@param given aitronos.Options|nil
---@return aitronos.Client
---Raises an Error of kind `config` that names every option that is wrong.
function aitronos.new(given)
  return client.new(options.check(given, aitronos._VERSION))
end

local default_client

--- The same as `client:invite_user` on a client made from the environment at the first call:
--- `FREDDY_API_KEY`, and `AITRONOS_BASE_URL` where it is set.
---@param params aitronos.InviteUserParams
---@return aitronos.Invitation invitation
---@return aitronos.Response response
function aitronos.invite_user(params)
  default_client = default_client or aitronos.new()
  return default_client:invite_user(params)
end

--- True for the Errors that this library raises.
---@param value any
---@return boolean
function aitronos.is_error(value)
  return errors.is(value)
end

return aitronos
