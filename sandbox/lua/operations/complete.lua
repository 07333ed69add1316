-- POST complete: who has no account makes one with an invitation's key. Nothing keeps the password.

local clock = require "clock"
local ids = require "ids"
local json = require "json"
local problem = require "problem"
local store = require "store"
local validation = require "validation"

local MONTH = 30 * 24 * 3600

local FIELDS = { email_key = "string", full_name = "string", password = "string" }

-- In characters.
local function length(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

local function refuse_fields(fields)
  for _, name in ipairs { "email_key", "full_name", "password" } do
    local found = validation.required(fields, name)
    if found then
      return found
    end
  end
  local size = length(fields.full_name)
  if size < 1 or size > 255 then
    return problem.field("full_name", "Must have 1 to 255 characters.")
  end
  if length(fields.password) < 8 then
    return problem.field("password", "Must have at least 8 characters.")
  end
end

return function(call, fields)
  local found = validation.body(call, fields, FIELDS) or refuse_fields(fields)
  if found then
    return nil, found
  end

  return function()
    local record = store.get_by_key(fields.email_key)
    if not record then
      return nil, problem.new(404, "INVITATION_NOT_FOUND")
    end
    local state = store.state(record)
    if state ~= "pending" then
      return nil, problem.new(400, state == "expired" and "INVITATION_EXPIRED" or "INVITATION_USED")
    end
    store.accept(record, fields.full_name)
    return 200, {
      success = true,
      user_id = record.user_id,
      token = "tok_" .. ids.random_hex(),
      refresh_token = {
        token = "rtok_" .. ids.random_hex(),
        expires_at = ids.time(clock.now() + MONTH),
      },
      device_id = json.null,
    }
  end
end
