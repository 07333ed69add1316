--- A run over people: it reads and checks them, shows how far it is, says of each what became of
--- them, and ends as its tally says. What is done for each is the command's own.

local access = require "aitronos.cli.access"
local campaigns = require "aitronos.cli.campaign"
local complaint = require "aitronos.cli.complaint"
local faults = require "aitronos.cli.faults"
local files = require "aitronos.cli.files"
local inputs = require "aitronos.cli.inputs"
local output = require "aitronos.cli.output"
local plan = require "aitronos.cli.plan"
local progress = require "aitronos.cli.progress"
local record = require "aitronos.cli.record"
local report = require "aitronos.cli.report"
local shown = require "aitronos.cli.shown"
local tally = require "aitronos.cli.tally"
local text = require "aitronos.text"
local usage = require "aitronos.cli.usage"
local waits = require "aitronos.cli.waits"

local check = complaint.check
local escape = text.escape
local EXIT = usage.EXIT

local OFFLINE = "no connection"
local FAILED = { rejected = true, not_sent = true, failed = true }

---@class aitronos.CommandRun
---@field settings aitronos.CommandSettings
---@field system table
---@field input aitronos.CommandInput
---@field plan aitronos.Plan
---@field tally aitronos.Tally
---@field files aitronos.CommandFiles
---@field display aitronos.Progress
---@field private its_client? aitronos.Client
---@field private command string what was called
---@field private started? number by the clock
---@field private waits_until? number by the clock
---@field private reason? string
---@field private results_too boolean results are on a terminal, too
local Run = {}
Run.__index = Run

local run = {}

-- ## What is shown

local function new_display(settings, system)
  local terminal = system.is_terminal(system.STDERR)
  return progress.new {
    write = function(words)
      io.stderr:write(words)
    end,
    terminal = terminal,
    width = system.columns,
    clock = system.clock,
    color = terminal and (os.getenv("NO_COLOR") or "") == "",
    quiet = settings.quiet or #settings.addresses > 0,
  }
end

local function state_of(self)
  local counts = self.tally.counts
  return {
    total = self.plan.people, done = self.tally.ended,
    failed = counts.rejected + counts.not_sent + counts.failed,
    unknown = counts.unknown, earlier = counts.earlier, ending = self.tally.stopped ~= nil,
    started = self.started,
    waits_until = self.reason ~= waits.RATE and self.waits_until or nil,
    reason = self.reason, offline = self.waits_until ~= nil and self.reason == OFFLINE,
  }
end

local function on_event(self)
  return function(event)
    local seconds, reason = waits.of(event)
    if not self.started and not self.settings.quiet then
      waits.tell(event)
    elseif seconds then
      self.waits_until, self.reason = self.system.clock() + seconds, reason
    elseif event.name == "request" and event.attempt then
      self.waits_until = nil
    end
  end
end

local function stop_at_once(self)
  self.display:finish()
  self.files:abandon()
  complaint.say(self.settings.journal and shown.resume(nil, self.settings, self.command)
    or shown.doubt(self.settings, self.command))
  os.exit(EXIT.interrupted, false)
end

local function tick(self)
  if not self.started then
    return
  end
  local interrupts = self.system.interrupts()
  if interrupts > 1 then
    stop_at_once(self)
  elseif interrupts == 1 and not self.tally.stopped then
    self.tally:stop {
      exit = EXIT.interrupted,
      message = "interrupted: what is under way comes to its end; once more stops at once",
    }
    self.display:note(self.tally.stopped.message)
  end
  self.display:update(state_of(self))
end

--- Waits for a server that can't be reached, shows it, and ends early where it is interrupted.
---@param seconds number
---@param err aitronos.Error
function Run:wait(seconds, err)
  local over = self.system.clock() + seconds
  local left = seconds
  self.waits_until, self.reason = over, OFFLINE
  self.display:note("the server can't be reached (" .. tostring(err) .. ")")
  while left > 0 and not self.tally.stopped do
    -- What another campaign has under way goes on meanwhile.
    self:client():turn(math.min(access.TURN_SECONDS, left))
    tick(self)
    left = over - self.system.clock()
  end
  self.waits_until = nil
end

-- ## What is told of a row

-- Where nobody reads the results any longer, what is under way comes to its end all the same.
local function print_result(self, line)
  local fine, message = output.write(io.stdout, line)
  if not fine then
    self.tally:stop { exit = EXIT.error, message = "cannot write the results: " .. message }
  end
end

local function print_row(self, row)
  if self.settings.json then
    print_result(self, report.json_line(row))
  elseif self.display.terminal and not self.display.quiet and self.results_too then
    -- Above the bar, and only what went wrong; but those who ask are to see the answers.
    if not shown.is_fine(row) or self.settings.action == "status" then
      self.display:note(shown.line(row))
    end
  else
    print_result(self, shown.line(row) .. "\n")
  end
end

-- As it was in the input, or would have been without the options.
local function input_row(entry)
  local person, params = entry.person, entry.params
  local send = params.send_invitation
  if send == nil then
    send = person.send
  end
  return {
    email = person.address,
    role_id = not person.role_name and (params.role_id or person.role) or nil,
    role_name = person.role_name, send_invitation = send,
  }
end

--- Says what became of a row, which is counted.
---@param row aitronos.Record
---@param entry? aitronos.Entry
function Run:tell(row, entry)
  self.files:add("report", row)
  if FAILED[row.outcome] then
    self.files:add("failed", input_row(entry))
  end
  if self.settings.json or row.code ~= record.NOT_REACHED then
    print_row(self, row)
  end
  self.display:update(state_of(self))
end

--- Those whom the plan lets through, one after the other; of the other rows it is told why not.
---@return fun(): aitronos.Person?, table?
function Run:people()
  return self.plan:again(self.input:people(), function(row)
    self.tally:count(row)
    self:tell(row)
  end)
end

-- ## From its beginning to its end

--- Reads the whole input. Fails where a row is wrong, unless that is allowed.
---@param call aitronos.PlannedCall for each person
function Run:check(call)
  local settings, input = self.settings, self.input
  local wrong = faults.new(input.name)
  self.plan = plan.make(input:people(), settings, call, function(row)
    wrong:add(row)
  end)
  wrong:say_shared()
  local ignored = input:ignored()
  if ignored[1] then
    complaint.say(input.name .. ": not looked at: " .. escape(table.concat(ignored, ", ")))
  end
  if wrong.count > 0 and not settings.skip_invalid and not settings.dry_run then
    complaint.fail(EXIT.usage, ("nothing was sent, since %s; --skip-invalid leaves them out")
      :format(wrong.count == 1 and "a row is wrong" or wrong.count .. " rows are wrong"))
  end
end

-- The journal that it is to keep, or to look at; nil where there is none. Fails where it can't be
-- used.
local function journal_of(self, how)
  local settings = self.settings
  if settings.journal then
    local journal, message = require("aitronos.journal")[how](settings.journal, settings.org,
      access.base_url(settings), settings.action)
    check(not message, message)
    return journal
  end
end

-- Counts those of the plan to whom earlier runs came.
local function look_back(self, journal, earlier)
  local counts = self.plan
  for person, params in counts:again(self.input:people(), function() end) do
    local entry = { person = person, params = params }
    local found = journal:entry(person.key)
    local row = found and earlier(entry, found)
    if entry.in_doubt or row and row.outcome == "unknown" then
      counts.in_doubt = counts.in_doubt + 1
    elseif row then
      counts.done = counts.done + 1
    end
  end
end

--- Says what would be done.
---@param earlier fun(entry: aitronos.Entry, found: table): aitronos.Record? as of a campaign
---@return integer exit
function Run:print_plan(earlier)
  local settings = self.settings
  local journal = journal_of(self, "read")
  if journal then
    look_back(self, journal, earlier)
  end
  output.print(shown.plan(self.plan, settings, self.input.name))
  return self.plan.invalid > 0 and not settings.skip_invalid and EXIT.usage or EXIT.done
end

--- The client, made when it is first wanted: what sends nothing needs no key.
---@return aitronos.Client
function Run:client()
  self.its_client = self.its_client or access.client(self.settings, self.system, {
    on_event = on_event(self),
    tick = function()
      tick(self)
    end,
  })
  return self.its_client
end

--- A campaign of this run.
---@param own table those of its options that this run does not know
---@return aitronos.Campaign
function Run:campaign(own)
  local options = {
    client = self:client(), settings = self.settings, tally = self.tally,
    tell = function(row, entry)
      self:tell(row, entry)
    end,
    wait = function(seconds, err)
      self:wait(seconds, err)
    end,
  }
  for name, value in pairs(own) do
    options[name] = value
  end
  return campaigns.new(options)
end

-- Whatever ends it: nothing half-written is left.
local function guard(self, body)
  local fine, err = pcall(function()
    body()
    self.its_client:close()
    self.files:close()
  end)
  if not fine then
    self.display:finish()
    self.files:abandon()
    error(err, 0)
  end
  self.display:finish(state_of(self))
end

local function sum_up(self)
  local counts, stopped = self.tally.counts, self.tally.stopped
  if not self.settings.quiet then
    io.stderr:write(shown.summary(counts, self.plan, self.settings.action), "\n")
  end
  if stopped and stopped.exit ~= EXIT.interrupted then
    complaint.say("stopped: " .. escape(stopped.message))
  end
  if stopped then
    complaint.say(shown.resume(stopped, self.settings, self.command))
  elseif counts.unknown > 0 then
    complaint.say(shown.doubt(self.settings, self.command))
  end
end

--- Has the command do its work, by a client and with all files open, and sums up.
---@param work fun(journal?: aitronos.Journal)
---@return integer exit
function Run:carry_out(work)
  self.started = self.system.clock()
  self:client()
  local journal = journal_of(self, "open")
  self.files = files.open(self.settings)
  guard(self, function()
    self.system.watch_interrupts()
    self.system.outlive_readers()
    -- Where a buffer of lines can't be emptied, its writes do not say so.
    io.stdout:setvbuf("no")
    work(journal)
  end)
  sum_up(self)
  return self.tally:exit()
end

--- Fails where there is no input.
---@param settings aitronos.CommandSettings
---@param system table
---@param command string what was called
---@return aitronos.CommandRun
function run.new(settings, system, command)
  return setmetatable({
    settings = settings, system = system, command = command,
    input = check(inputs.open(settings)),
    display = new_display(settings, system),
    tally = tally.new(settings),
    results_too = system.is_terminal(system.STDOUT),
  }, Run)
end

return run
