-- GET invitation: the look-up of a pending invitation.

local faults = require "faults"
local problem = require "problem"
local shapes = require "shapes"
local store = require "store"

local SELECTORS = { "email", "user_id", "invitation_id" }

local function read_selector(arguments)
  local selector
  for _, name in ipairs(SELECTORS) do
    local value = arguments[name]
    if value ~= nil then
      if selector or type(value) ~= "string" or value == "" then
        selector = nil
        break
      end
      selector = { [name] = value }
    end
  end
  if not selector then
    return nil, problem.new(400, "VALIDATION_ERROR",
      "Exactly one of email, user_id and invitation_id is required.")
  end
  return selector
end

return function(call)
  local selector, found = read_selector(call.arguments)
  if not selector then
    return nil, found
  end

  local changes = selector.email and faults.changes(call.plan, "role_member")
  if changes then
    store.plant(call.organization_id, selector.email, "role_member", changes)
  end
  return function()
    local record = store.find(call.organization_id, selector)
    if not record then
      return nil, problem.new(404, "INVITATION_NOT_FOUND")
    end
    return 200, shapes.found(record)
  end
end
