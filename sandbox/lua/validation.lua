-- Checks of a body that more than one operation makes.

local problem = require "problem"

local validation = {}

local LUA_TYPES = { string = "string", boolean = "boolean", list = "table" }

---@param fields any     the body as decoded; nil where it is not JSON
---@param known table<string, string>  the type of each field that there may be
---@return table? problem
function validation.body(call, fields, known)
  if not (ngx.var.http_content_type or ""):lower():find("^application/json") then
    return problem.new(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.")
  end
  if fields == nil then
    return problem.new(400, "VALIDATION_ERROR", "The body is not JSON.")
  end
  if type(fields) ~= "table" or not call.body:find("^%s*{") then
    return problem.field("body", "Must be an object.")
  end
  for name, value in pairs(fields) do
    local expected = known[name]
    if not expected then
      return problem.field(name, "This field is not known.")
    end
    if type(value) ~= LUA_TYPES[expected] then
      return problem.field(name, "Must be a " .. expected .. ".")
    end
  end
end

---@return table? problem
function validation.required(fields, name)
  if not fields[name] then
    return problem.field(name, "Is required.")
  end
end

local function is_email(text)
  local name, domain = text:match("^([^%s%c@]+)@([^%s%c@]+)$")
  return name ~= nil and #name <= 64 and #text <= 254
    and domain:find("^[%w\128-\255.-]+$") ~= nil
    and not domain:find("..", 1, true) and not domain:find("^[.-]") and not domain:find("[.-]$")
end

---@return table? problem
function validation.email(email)
  if not email then
    return problem.field("email", "Is required.")
  end
  if not is_email(email) then
    return problem.field("email", "Is not an address.", "INVALID_EMAIL_FORMAT")
  end
end

return validation
