--- Has the mail of pending invitations sent again. Two campaigns: one looks up the invitations, and
--- the other takes from it those that it found.

local look_up = require "aitronos.cli.look_up"
local record = require "aitronos.cli.record"
local runs = require "aitronos.cli.run"

-- While the second campaign waits for one that is found it hears of none that was sent: so few at
-- once, and their intents one by one.
local CONCURRENCY = 4

local resend = {}

---@type aitronos.CampaignOperation
local RESEND = {
  name = "resend_invitation",
  row = function(entry, outcome)
    local err = outcome.error
    if err then
      return record.failed(entry.person, entry.found.role_id, err)
    end
    return record.resent(entry.person, entry.found, outcome.response)
  end,
}

-- What an earlier run says of this person, where that is all there is to do: a second mail is what
-- nobody wants.
local function earlier(settings, person, found)
  if found.outcome == "resent" then
    return record.earlier(person, found)
  elseif found.state == "intent" and not settings.resend_unknown then
    return record.doubtful(person)
  end
end

-- Those whom no earlier run has mailed.
local function not_mailed(run, journal)
  local next_person = run:people()
  return function()
    for person, params in next_person do
      local found = journal and journal:entry(person.key)
      local row = found and earlier(run.settings, person, found)
      if not row then
        return person, params
      end
      run.tally:count_earlier(row)
      run:tell(row)
    end
  end
end

-- Those whose invitation is pending, as a campaign finds them that goes on whenever the next one is
-- asked for. Not in a coroutine, in which luaposix would not hear of a signal.
local function pending(run, journal)
  local found
  local looking = run:campaign {
    next_person = not_mailed(run, journal),
    operation = look_up.operation("failed", function(entry, outcome)
      found = { person = entry.person, invitation = outcome.result }
    end),
  }
  return function()
    found = nil
    repeat
    until found or not looking:step()
    if found then
      local params = { organization_id = run.settings.org, user_id = found.invitation.user_id }
      return found.person, params, found.invitation
    end
  end
end

---@param settings aitronos.CommandSettings
---@param system table
---@param command string what was called
---@return integer exit
function resend.run(settings, system, command)
  local run = runs.new(settings, system, command)
  run:check(look_up.CALL)
  if settings.dry_run then
    return run:print_plan()
  end
  return run:carry_out(function(journal)
    run:campaign({
      operation = RESEND, next_person = pending(run, journal), journal = journal,
      concurrency = math.min(CONCURRENCY, settings.concurrency), batch_size = 1,
    }):run_through()
  end)
end

return resend
