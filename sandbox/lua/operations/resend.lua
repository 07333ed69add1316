-- POST resend-invitation: the mail once more, also for an invitation that has expired.

local problem = require "problem"
local store = require "store"
local world = require "world"

return function(call)
  return function()
    local record = store.get(call.organization_id, call.user_id)
    if not record or record.accepted_at then
      return nil, problem.new(404, "INVITATION_NOT_FOUND")
    end
    store.resend(record)
    if world.organization(call.organization_id).crew then
      return 204
    end
    return 200, { success = true, message = "Invitation email resent successfully" }
  end
end
