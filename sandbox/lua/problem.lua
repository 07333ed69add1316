-- An answer that is an error, as a value: made where something is found wrong, sent by app.lua.

local ids = require "ids"
local json = require "json"

local problem = {}

-- Codes that the documentation gives a text; any other code is its own text.
local MESSAGES = {
  AUTHENTICATION_REQUIRED = "Please sign in to continue.",
  INSUFFICIENT_PERMISSIONS = "You don't have permission to perform this action.",
  INVALID_EMAIL_FORMAT = "Please enter a valid email address.",
}

local function words(code)
  return (code:lower():gsub("_", " "):gsub("^%l", string.upper)) .. "."
end

---@param status integer
---@param code string
---@param system_message string?  for developers
---@param details table?
---@param headers table?
function problem.new(status, code, system_message, details, headers)
  return {
    status = status,
    code = code,
    message = MESSAGES[code] or words(code),
    system_message = system_message or words(code),
    details = details or {},
    headers = headers,
  }
end

---A fault of one field of the request.
function problem.field(field, system_message, code)
  return problem.new(422, code or "VALIDATION_ERROR", system_message, { field = field })
end

---The body of the answer.
function problem.encode(found)
  return json.encode {
    success = false,
    error = {
      code = found.code,
      message = found.message,
      system_message = found.system_message,
      type = found.status >= 500 and "server_error" or "client_error",
      status = found.status,
      details = found.details,
      trace_id = ids.uuid(),
      timestamp = ids.time(ngx.time()),
    },
  }
end

return problem
