--- Invites people: the command as it is without a name of another.

local access = require "aitronos.cli.access"
local campaign = require "aitronos.cli.campaign"
local check = require("aitronos.cli.complaint").check
local output = require "aitronos.cli.output"
local runs = require "aitronos.cli.run"
local shown = require "aitronos.cli.shown"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

local invite = {}

local function print_plan(run)
  local settings = run.settings
  io.stdout:write(shown.plan(run.plan, settings, run.input.name))
  return run.plan.invalid > 0 and not settings.skip_invalid and EXIT.usage or EXIT.done
end

local function print_curl(run)
  local base_url = access.base_url(run.settings)
  for _, params in run.plan:again(run.input:people(), function() end) do
    check(output.write(io.stdout, shown.curl(base_url, params), "\n"), "cannot write the commands")
  end
  return EXIT.done
end

---@param settings aitronos.CommandSettings
---@param system table
---@param command string what was called
---@return integer exit
function invite.run(settings, system, command)
  local run = runs.new(settings, system, command)
  if settings.dry_run then
    return print_plan(run)
  elseif settings.print_curl then
    return print_curl(run)
  end
  local exit
  run:carry_out(function(journal)
    local invitations = campaign.new {
      client = run.client, settings = settings, tally = run.tally, journal = journal,
      next_person = run:people(),
      tell = function(row, params)
        run:tell(row, params)
      end,
      links = run.files:has("save_links") and function(row)
        run.files:add("save_links", row)
      end,
      wait = function(seconds, err)
        run:wait(seconds, err)
      end,
    }
    invitations:invite()
    exit = invitations:exit()
  end)
  return exit
end

return invite
