-- GET validate: what an invitation's key leads to. A key that is no longer any good is not valid.

local ids = require "ids"
local problem = require "problem"
local shapes = require "shapes"
local store = require "store"

return function(call)
  return function()
    local record = store.get_by_key(call.email_key)
    if not record then
      return nil, problem.new(404, "INVITATION_NOT_FOUND")
    end
    local answer = shapes.offer(record)
    answer.valid = store.state(record) == "pending"
    answer.invitation_id = record.invitation_id
    answer.email = record.email
    answer.expires_at = ids.time(store.expires_at(record))
    return 200, answer
  end
end
