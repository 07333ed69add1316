-- The operations of the API, one entry each. A further one is an entry here and its handler.
--
-- name     what stands before a fault's name so that it strikes here; without, it is `invite`
-- access   "admin": an owner's or an admin's key; "key": any that is good; "anyone": no credential
--          is needed, and none is looked at
-- secret   a field of the body that is never written down
-- check    (call, fields) -> a function that does it, or nil and a problem. That function returns
--          the answer's status and body, or nil and a problem

local operations = {}

local ORGANIZATION = "/v1/organizations/{organization_id}"

local LIST = {
  {
    name = "invite",
    method = "POST",
    path = ORGANIZATION .. "/invite-user",
    access = "admin",
    check = require "operations.invite",
  },
  {
    name = "lookup",
    method = "GET",
    path = ORGANIZATION .. "/invitation",
    access = "key",
    check = require "operations.lookup",
  },
  {
    name = "resend",
    method = "POST",
    path = ORGANIZATION .. "/users/{user_id}/resend-invitation",
    access = "admin",
    check = require "operations.resend",
  },
  {
    name = "bulk",
    method = "POST",
    path = ORGANIZATION .. "/users/resend-invitation-bulk",
    access = "admin",
    check = require "operations.resend_bulk",
  },
  {
    name = "validate",
    method = "GET",
    path = "/v1/invitations/validate/{email_key}",
    access = "anyone",
    check = require "operations.validate",
  },
  {
    name = "accept",
    method = "POST",
    path = "/v1/invitations/accept",
    access = "key",
    check = require "operations.accept",
  },
  {
    name = "complete",
    method = "POST",
    path = "/v1/invitations/complete",
    access = "anyone",
    secret = "password",
    check = require "operations.complete",
  },
  {
    name = "roles",
    method = "GET",
    path = ORGANIZATION .. "/roles",
    access = "key",
    check = require "operations.roles",
  },
}

---In order.
operations.NAMES = {}

for place, operation in ipairs(LIST) do
  operations.NAMES[place] = operation.name
  local path = operation.path:gsub("%-", "%%-"):gsub("{[%l_]+}", "([^/]+)")
  operation.pattern = "^" .. path .. "$"
  operation.parameters = {}
  for parameter in operation.path:gmatch("{([%l_]+)}") do
    table.insert(operation.parameters, parameter)
  end
end

---@param path string  percent-decoded
---@return table? operation
---@return table parameters  those in the path, by name
function operations.find(path)
  for _, operation in ipairs(LIST) do
    local values = { path:match(operation.pattern) }
    if values[1] then
      local parameters = {}
      for place, name in ipairs(operation.parameters) do
        parameters[name] = values[place]
      end
      return operation, parameters
    end
  end
  return nil, {}
end

return operations
