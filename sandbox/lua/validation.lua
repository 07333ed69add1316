-- Checks the body of invite-user. Takes both spellings of role and mail, each at most once.

local problem = require "problem"
local world = require "world"

local validation = {}

local FIELDS = {
  email = "string",
  role_id = "string",
  role_name = "string",
  send_invitation = "boolean",
  send_email = "boolean",
}

local function is_email(text)
  local name, domain = text:match("^([^%s%c@]+)@([^%s%c@]+)$")
  return name ~= nil and #name <= 64 and #text <= 254
    and domain:find("^[%w\128-\255.-]+$") ~= nil
    and not domain:find("..", 1, true) and not domain:find("^[.-]") and not domain:find("[.-]$")
end

---@param body any  as decoded
---@return table? wish  { email, role_id, mail }
---@return table? problem
function validation.invitation(body)
  for name, value in pairs(body) do
    local expected = FIELDS[name]
    if not expected then
      return nil, problem.field(name, "This field is not known.")
    end
    if type(value) ~= expected then
      return nil, problem.field(name, "Must be a " .. expected .. ".")
    end
  end
  if not body.email then
    return nil, problem.field("email", "Is required.")
  end
  if not is_email(body.email) then
    return nil, problem.field("email", "Is not an address.", "INVALID_EMAIL_FORMAT")
  end
  if (body.role_id == nil) == (body.role_name == nil) then
    return nil, problem.field("role_id", "Exactly one of role_id and role_name is required.")
  end
  if body.send_invitation ~= nil and body.send_email ~= nil then
    return nil, problem.field("send_invitation", "At most one of it and send_email may be given.")
  end
  local role = world.roles[body.role_id] or world.roles_by_name[body.role_name]
  if not role then
    return nil, problem.new(404, "ROLE_NOT_FOUND", nil, {
      field = body.role_id and "role_id" or "role_name",
    })
  end
  return {
    email = body.email,
    role_id = role.id,
    mail = body.send_invitation ~= false and body.send_email ~= false,
  }
end

return validation
