--- Invites people: what the command does where it is given no other one's name.

local access = require "aitronos.cli.access"
local complaint = require "aitronos.cli.complaint"
local output = require "aitronos.cli.output"
local record = require "aitronos.cli.record"
local roles = require "aitronos.cli.roles"
local runs = require "aitronos.cli.run"
local shown = require "aitronos.cli.shown"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

-- How far the clocks of this machine and the server may be apart.
local CLOCK_SECONDS = 60

-- The code of an Error that says that there is no such role.
local NO_ROLE = "ROLE_NOT_FOUND"

local invite = {}

-- ## What is called for a person

--- The call for a person; a role's name in a row becomes its id.
---@param role_id_of aitronos.RoleResolver
---@return aitronos.PlannedCall
function invite.call(role_id_of)
  local call = { operation = "invite_user" }

  function call.params(settings, person)
    local role_id, message, in_full = person.role or settings.role, nil, nil
    if person.role_name then
      role_id, message, in_full = role_id_of(person.role_name)
    end
    local send = person.send
    if settings.no_send then
      send = false
    end
    return {
      organization_id = settings.org, email = person.address, role_id = role_id,
      send_invitation = send,
    }, message and { { field = "role_name", message = message, in_full = in_full } }
  end

  return call
end

-- ## What becomes of it

-- A moment as the API writes it, which can be compared.
local function moment(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds)
end

-- Whether what an earlier run made lets nobody in any longer.
local function has_expired(found)
  local expires = found.expires_at
  return type(expires) == "string" and expires:find("^%d+%-%d+%-%d+T[%d:.]+Z$")
    and expires < moment(os.time() - CLOCK_SECONDS)
end

-- What an earlier run says of this person, where that is all there is to do.
local function earlier(entry, found)
  if found.state == "intent" then
    entry.in_doubt = found.at or 0
    return nil
  elseif found.outcome == "rejected" and found.role ~= entry.params.role_id then
    return nil -- the row was mended
  elseif found.outcome == "made" and has_expired(found) then
    return nil
  end
  return record.earlier(entry.person, found)
end

-- Whether what a look-up found is what an earlier run of this journal sent, and did not see made.
local function is_own(entry, invitation)
  local created = invitation.created_at
  return entry.in_doubt and type(created) == "string"
    and created >= moment(entry.in_doubt - CLOCK_SECONDS)
end

local function made(entry, invitation, response)
  local row = record.made(entry.person, entry.params.role_id, invitation, response)
  if row.outcome == "existing" and is_own(entry, invitation) then
    row.outcome = "made"
  end
  return row
end

local function keep_links(links, entry, invitation)
  if links and (invitation.invitation_key or invitation.invitation_link) then
    links {
      line = entry.person.line, address = entry.person.address,
      invitation_id = invitation.invitation_id, invitation_key = invitation.invitation_key,
      invitation_link = invitation.invitation_link,
    }
  end
end

--- What a campaign makes of the answers.
---@param settings aitronos.CommandSettings
---@param links? fun(row: table) takes the keys and links of invitations
---@return aitronos.CampaignOperation
function invite.operation(settings, links)
  return {
    name = "invite_user",
    earlier = earlier,
    row = function(entry, outcome)
      local err = outcome.error
      if not err then
        keep_links(links, entry, outcome.result)
        return made(entry, outcome.result, outcome.response)
      end
      -- Not where it was found with another role, which has no status.
      local is_there = err.kind == "conflict" and err.status == 409
        and settings.existing == "skip"
      return record.failed(entry.person, entry.params.role_id, err, is_there and "existing" or nil)
    end,
  }
end

-- ## Without sending

local function print_curl(run)
  local base_url = access.base_url(run.settings)
  for _, params in run.plan:again(run.input:people(), function() end) do
    output.print(shown.curl(base_url, params) .. "\n")
  end
  return EXIT.done
end

-- ## The command

-- With `--role-name`, its id is the role of those whose row names none.
local function resolve_role(settings, role_id_of)
  if not settings.role_name then
    return
  end
  local id, _, in_full = role_id_of(settings.role_name)
  settings.role = complaint.check(id, "--role-name: " .. tostring(in_full), EXIT.usage)
end

---@param settings aitronos.CommandSettings
---@param system table
---@param command string what was called
---@return integer exit
function invite.run(settings, system, command)
  local run = runs.new(settings, system, command)
  local role_id_of = roles.resolver(function()
    return roles.list(run:client(), settings, command)
  end)
  resolve_role(settings, role_id_of)
  run:check(invite.call(role_id_of))
  if settings.dry_run then
    return run:print_plan(earlier)
  elseif settings.print_curl then
    return print_curl(run)
  end
  local no_role = false
  local exit = run:carry_out(function(journal)
    local links = run.files:has("save_links") and function(row)
      run.files:add("save_links", row)
    end
    run:campaign({
      operation = invite.operation(settings, links), next_person = run:people(), journal = journal,
      tell = function(row, entry)
        no_role = no_role or row.code == NO_ROLE
        run:tell(row, entry)
      end,
    }):run_through()
  end)
  if no_role then
    complaint.say(("the roles that there are: %s roles --org %s"):format(usage.NAME, settings.org))
  end
  return exit
end

return invite
