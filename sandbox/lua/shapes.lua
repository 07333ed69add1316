-- What the answers show of an invitation and of a role. Where the documentation gives two shapes,
-- the organization says which.

local ids = require "ids"
local json = require "json"
local store = require "store"
local world = require "world"

local shapes = {}

---The answer to invite-user.
function shapes.created(record)
  if world.organization(record.organization_id).crew then
    return {
      invitation_id = record.invitation_id,
      email = record.email,
      invitation_link = store.link(record),
      user_id = record.user_id,
      role_id = record.role_id,
    }
  end
  return {
    invitation_id = record.invitation_id,
    email = record.email,
    invitation_key = record.key,
    is_new_user = record.is_new_user,
    user_id = record.user_id,
    expires_at = ids.time(store.expires_at(record)),
  }
end

---What the look-up finds.
function shapes.found(record)
  return {
    invitation_id = record.invitation_id,
    email = record.email,
    user_id = record.user_id,
    organization_id = record.organization_id,
    role_id = record.role_id,
    invitation_link = store.link(record),
    expires_at = ids.time(store.expires_at(record)),
    created_at = ids.time(record.created_at),
  }
end

---What an invitation is to, for whoever has its key.
function shapes.offer(record)
  return {
    organization_id = record.organization_id,
    organization_name = world.organization(record.organization_id).name,
    role_id = record.role_id,
    role_name = world.roles[record.role_id].name,
  }
end

function shapes.role(role, organization_id)
  return {
    id = role.id,
    name = role.name,
    description = role.description,
    is_base_role = not role.custom,
    is_custom = role.custom or false,
    organization_id = role.custom and organization_id or json.null,
  }
end

return shapes
