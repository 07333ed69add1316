--- Has the mail of pending invitations sent again. Two campaigns: one looks up the invitations, and
--- the other takes from it those that it found.

local complaint = require "aitronos.cli.complaint"
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
    local row = record.earlier(person, found)
    row.message = "by an earlier run"
    return row
  elseif found.state == "intent" and not settings.resend_unknown then
    return record.doubtful(person)
  end
end

-- Those whom no earlier run has mailed; `left_out` is told of each other.
local function not_mailed(run, journal, left_out)
  local next_person = run:people()
  return function()
    for person, params in next_person do
      local found = journal and journal:entry(person.key)
      local row = found and earlier(run.settings, person, found)
      if not row then
        return person, params
      end
      left_out(row)
      run.tally:count_earlier(row)
      run:tell(row)
    end
  end
end

-- Those whose invitation is pending, as a campaign finds them that goes on whenever the next one is
-- asked for. Not in a coroutine, in which luaposix would not hear of a signal.
local function pending(run, next_person)
  local found
  local looking = run:campaign {
    next_person = next_person,
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

-- Else a run that mails nobody looks like one that did. Where it stopped, what counts is how to
-- resume.
local function say_left_out(mailed, stopped)
  if mailed > 0 and not stopped then
    local words = mailed == 1 and " was mailed by an earlier run and is"
      or " were mailed by an earlier run and are"
    complaint.say(mailed .. words .. " left out; another --journal mails them again")
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
    return run:print_plan(function(entry, found)
      return earlier(settings, entry.person, found)
    end)
  end
  local mailed = 0
  local exit = run:carry_out(function(journal)
    local next_person = not_mailed(run, journal, function(row)
      mailed = mailed + (row.outcome == "resent" and 1 or 0)
    end)
    run:campaign({
      operation = RESEND, next_person = pending(run, next_person), journal = journal,
      concurrency = math.min(CONCURRENCY, settings.concurrency), batch_size = 1,
    }):run_through()
  end)
  say_left_out(mailed, run.tally.stopped)
  return exit
end

return resend
