--- Looks up people's pending invitations.

local lower = require("aitronos.cli.person").lower
local record = require "aitronos.cli.record"

local look_up = {}

--- The call for a person. What else their row says does not count.
---@type aitronos.PlannedCall
look_up.CALL = {
  operation = "get_invitation",
  looks_at = { row = true, email = true, address = true },
  params = function(settings, person)
    return { organization_id = settings.org, email = person.address }
  end,
}

-- The API does not document the code. A 404 without one may come from anywhere and says nothing;
-- one that names the organization is about that.
local function is_absence(err)
  return err.kind == "not_found" and err.code ~= "HTTP_404"
    and not err.code:find("ORGANIZATION", 1, true)
end

-- An answer that says for whom the invitation is must say what was asked for: else somebody else
-- would be taken for invited, or be mailed.
local function is_about_another(entry, invitation)
  local address = invitation.email
  return type(address) == "string" and lower(address) ~= entry.person.key
end

--- What a campaign makes of the answers.
---@param absent "none"|"failed" what becomes of a row for which there is none
---@param found fun(entry: aitronos.Entry, outcome: aitronos.Outcome): aitronos.Record?
---@return aitronos.CampaignOperation
function look_up.operation(absent, found)
  return {
    name = "get_invitation",
    is_answer = is_absence,
    row = function(entry, outcome)
      local err = outcome.error
      if not err and is_about_another(entry, outcome.result) then
        return record.other_address(entry.person, outcome.response)
      elseif not err then
        return found(entry, outcome)
      elseif is_absence(err) then
        return record.none(entry.person, err, absent)
      end
      return record.failed(entry.person, nil, err, "failed")
    end,
  }
end

return look_up
