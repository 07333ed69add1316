-- GET invitation: the look-up of a pending invitation.

local faults = require "faults"
local problem = require "problem"
local reply = require "reply"
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
    return reply.problem(found)
  end

  local fault = faults.due(call.plan, "lookup", call.email)
  local changes = faults.changes(call.plan, "role_member")
  if changes then
    store.plant(call.organization_id, call.email, "role_member", changes)
  end
  if fault and not fault.makes then
    return fault.act(nil, function() end)
  end
  local record = store.find(call.organization_id, selector)
  if not record then
    return reply.problem(problem.new(404, "INVITATION_NOT_FOUND"))
  end
  if fault then
    return fault.act({ status = 200, body = store.as_found(record) })
  end
  return reply.json(200, store.as_found(record))
end
