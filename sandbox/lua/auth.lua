-- Who calls: `X-API-Key`, or the same key as a bearer token.

local problem = require "problem"
local world = require "world"

local auth = {}

---@return table? key  an entry of world.KEYS
---@return table? problem
function auth.identify()
  local secret = ngx.var.http_x_api_key
  if not secret then
    secret = (ngx.var.http_authorization or ""):match("^[Bb]earer +(.+)$")
  end
  if not secret then
    return nil, problem.new(401, "AUTHENTICATION_REQUIRED", "No credential was sent.")
  end
  local key = world.keys[secret]
  if not key then
    return nil, problem.new(401, "INVALID_API_KEY", "The API key is not known.")
  end
  if key.refused then
    return nil, problem.new(401, key.refused)
  end
  return key
end

---@param access string  as in operations.lua
---@param organization_id string?  where the operation is one of an organization
---@return table? problem
function auth.forbid(key, access, organization_id)
  if organization_id and not world.organization(organization_id) then
    return problem.new(403, "ORGANIZATION_ACCESS_DENIED")
  end
  if access == "admin" and key.role == "Member" then
    return problem.new(403, "INSUFFICIENT_PERMISSIONS", "Needs the role Admin or Owner.")
  end
end

return auth
