-- POST resend-invitation-bulk: the same for a list of users, each for itself.

local json = require "json"
local problem = require "problem"
local store = require "store"
local validation = require "validation"

local MAXIMUM = 1000

local function read_ids(fields)
  local user_ids = fields.user_ids
  if not user_ids or #user_ids == 0 or #user_ids > MAXIMUM then
    return nil, problem.field("user_ids", "Must be a list of 1 to 1,000 ids.")
  end
  for _, user_id in ipairs(user_ids) do
    if type(user_id) ~= "string" then
      return nil, problem.field("user_ids", "Must be a list of strings.")
    end
  end
  return user_ids
end

return function(call, fields)
  local found = validation.body(call, fields, { user_ids = "list" })
  local user_ids
  if not found then
    user_ids, found = read_ids(fields)
  end
  if found then
    return nil, found
  end

  return function()
    local failed = {}
    for _, user_id in ipairs(user_ids) do
      local record = store.get(call.organization_id, user_id)
      if not record then
        failed[#failed + 1] = { id = user_id, error = "Invitation not found" }
      elseif record.accepted_at then
        failed[#failed + 1] = { id = user_id, error = "Invitation already accepted" }
      else
        store.resend(record)
      end
    end
    return 200, {
      success_count = #user_ids - #failed,
      failure_count = #failed,
      failed_operations = failed[1] and failed or json.EMPTY_LIST,
    }
  end
end
