-- POST accept: who has an account joins with an invitation's key.

local problem = require "problem"
local shapes = require "shapes"
local store = require "store"
local validation = require "validation"

return function(call, fields)
  local found = validation.body(call, fields, { email_key = "string" })
    or validation.required(fields, "email_key")
  if found then
    return nil, found
  end

  return function()
    local record = store.get_by_key(fields.email_key)
    if not record then
      return nil, problem.new(404, "INVITATION_NOT_FOUND")
    end
    local state = store.state(record)
    if state == "accepted" then
      return nil, problem.new(409, "ALREADY_MEMBER")
    elseif state == "expired" then
      return nil, problem.new(400, "INVITATION_EXPIRED")
    end
    store.accept(record)
    local answer = shapes.offer(record)
    answer.success = true
    return 200, answer
  end
end
