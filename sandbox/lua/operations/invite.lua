-- POST invite-user: makes an invitation.

local faults = require "faults"
local problem = require "problem"
local shapes = require "shapes"
local store = require "store"
local validation = require "validation"
local world = require "world"

local FIELDS = {
  email = "string",
  role_id = "string",
  role_name = "string",
  send_invitation = "boolean",
  send_email = "boolean",
}

-- Takes both spellings of role and mail, each at most once.
---@return table? wish  { email, role_id, mail }
---@return table? problem
local function read_wish(fields)
  local found = validation.email(fields.email)
  if found then
    return nil, found
  end
  if (fields.role_id == nil) == (fields.role_name == nil) then
    return nil, problem.field("role_id", "Exactly one of role_id and role_name is required.")
  end
  if fields.send_invitation ~= nil and fields.send_email ~= nil then
    return nil, problem.field("send_invitation", "At most one of it and send_email may be given.")
  end
  local role = world.roles[fields.role_id] or world.roles_by_name[fields.role_name]
  if not role then
    return nil, problem.new(404, "ROLE_NOT_FOUND", nil, {
      field = fields.role_id and "role_id" or "role_name",
    })
  end
  return {
    email = fields.email,
    role_id = role.id,
    mail = fields.send_invitation ~= false and fields.send_email ~= false,
  }
end

local function refuse_domain(organization_id, email)
  local domain = world.organization(organization_id).domain
  if domain and email:lower():match("@(.*)$") ~= domain then
    return problem.new(403, "DOMAIN_NOT_REGISTERED")
  end
end

local function refuse_duplicate(organization_id, email)
  if store.is_member(organization_id, email) then
    return problem.new(409, "ALREADY_MEMBER")
  end
  if store.find(organization_id, { email = email }) then
    return problem.new(409, "INVITATION_PENDING")
  end
end

return function(call, fields)
  local organization_id = call.organization_id
  local found = validation.body(call, fields, FIELDS)
  local wish
  if not found then
    wish, found = read_wish(fields)
  end
  found = found or refuse_domain(organization_id, wish.email)
  if found then
    return nil, found
  end

  local changes, before = faults.changes(call.plan, wish.role_id)
  if before then
    store.plant(organization_id, wish.email, wish.role_id, changes)
  end
  return function()
    store.count(wish.email)
    local duplicate = refuse_duplicate(organization_id, wish.email)
    if duplicate then
      return nil, duplicate
    end
    return 201, shapes.created(store.make(organization_id, wish, changes))
  end
end
