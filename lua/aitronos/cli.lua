--- The command aitronos-invite: reads its arguments and the input, says what it does, and leaves
--- the exit code of what came of it.

local access = require "aitronos.cli.access"
local aitronos_text = require "aitronos.text"
local arguments = require "aitronos.cli.arguments"
local campaign = require "aitronos.cli.campaign"
local inputs = require "aitronos.cli.inputs"
local output = require "aitronos.cli.output"
local plan = require "aitronos.cli.plan"
local progress = require "aitronos.cli.progress"
local record = require "aitronos.cli.record"
local report = require "aitronos.cli.report"
local shown = require "aitronos.cli.shown"
local tally = require "aitronos.cli.tally"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT
local escape = aitronos_text.escape

-- A turn's longest: the display goes on, and a signal is seen.
local TURN_SECONDS = 0.25

local cli = {}

-- ## Ways out

local function complain(message)
  io.stderr:write(usage.NAME, ": ", message, "\n")
end

-- Ends the command; main() catches it.
local function fail(exit, message)
  error({ exit = exit, message = message }, 0)
end

local function check(value, message, exit)
  if not value then
    fail(exit or EXIT.error, message)
  end
  return value
end

-- ## What is needed before anything is sent

local function new_client(settings, system, on_event, tick)
  local aitronos = require "aitronos"
  local key, message = access.key(settings, system)
  check(key, message, EXIT.credentials)
  local fine, client = pcall(aitronos.new, {
    api_key = key,
    base_url = settings.base_url,
    ca_file = settings.ca_file,
    timeout = settings.timeout,
    deadline = settings.deadline,
    rate = settings.rate,
    concurrency = settings.concurrency,
    user_agent = usage.NAME,
    on_event = on_event,
    driver = {
      wait = function(client, job)
        while not job:done() do
          client:turn(TURN_SECONDS)
          tick()
        end
      end,
    },
  })
  if not fine then
    fail(EXIT.usage, tostring(client))
  end
  return client
end

local function open_journal(settings)
  if not settings.journal then
    return nil
  end
  local journals = require "aitronos.journal"
  return check(journals.open(settings.journal, settings.org, access.base_url(settings)))
end

-- ## What is written

local OPENERS = {
  report = report.open, failed = report.open_failed, save_links = report.open_links,
}
local FAILED = { rejected = true, not_sent = true }

local function open_files(settings)
  local files = {}
  for name, open in pairs(OPENERS) do
    if settings[name] then
      local file, message = open(settings[name])
      if not file then
        for _, other in pairs(files) do
          other:abandon()
        end
        fail(EXIT.error, message)
      end
      files[name] = file
    end
  end
  return files
end

local function add(files, name, row)
  if files[name] then
    check(files[name]:add(row))
  end
end

-- ## The run

local function resume_command(given)
  local words = { usage.NAME }
  for _, word in ipairs(given) do
    words[#words + 1] = shown.quote(word)
  end
  return table.concat(words, " ")
end

local function new_display(settings, system)
  local terminal = system.is_terminal(system.STDERR)
  return progress.new {
    write = function(text)
      io.stderr:write(text)
    end,
    terminal = terminal,
    width = system.columns,
    clock = system.clock,
    color = terminal and (os.getenv("NO_COLOR") or "") == "",
    quiet = settings.quiet or #settings.addresses > 0,
  }
end

---@class aitronos.CommandRun
---@field settings aitronos.CommandSettings
---@field system table
---@field files table<string, aitronos.Report>
---@field display aitronos.Progress
---@field plan aitronos.Plan
---@field tally aitronos.Tally
---@field command string what was called
---@field waits_until? number by the clock
---@field reason? string

local REASONS = { rate = "--rate", allowance = "the server's limit", pause = "the server asked" }

local function on_event(run)
  return function(event)
    if event.name == "wait" and event.delay and REASONS[event.reason] then
      run.waits_until, run.reason = run.system.clock() + event.delay, REASONS[event.reason]
    elseif event.name == "request" and event.attempt then
      run.waits_until = nil
    end
  end
end

local function state_of(run)
  local counts = run.tally.counts
  local failed = counts.rejected + counts.not_sent
  return {
    total = run.plan.people,
    done = counts.made + counts.existing + failed + counts.unknown,
    failed = failed, unknown = counts.unknown, started = run.started,
    throttled_until = run.reason ~= REASONS.rate and run.waits_until or nil, reason = run.reason,
  }
end

local function tick(run)
  if run.interrupted and not run.tally.stopped then
    run.tally:stop {
      exit = EXIT.interrupted,
      message = "interrupted: what is under way comes to its end; once more stops at once",
    }
    run.display:note(run.tally.stopped.message)
  end
  run.display:update(state_of(run))
end

-- Where nobody reads the results any longer, what is under way comes to its end all the same.
local function print_result(run, line)
  local fine, message = output.write(io.stdout, line)
  if not fine then
    run.tally:stop { exit = EXIT.error, message = "cannot write the results: " .. message }
  end
end

local function print_row(run, row)
  if run.settings.json then
    print_result(run, report.json_line(row))
  elseif run.display.terminal and not run.display.quiet and run.results_too then
    if not shown.is_fine(row) then
      run.display:note(shown.line(row))
    end
  else
    print_result(run, shown.line(row) .. "\n")
  end
end

local function tell_row(run, row, params)
  add(run.files, "report", row)
  if FAILED[row.outcome] then
    add(run.files, "failed", params) -- a row's names are those of the input
  end
  if run.settings.json or row.code ~= record.NOT_REACHED then
    print_row(run, row)
  end
  run.display:update(state_of(run))
end

-- Waits, shows it, and ends early where it is interrupted.
local function wait(run, seconds, err)
  local system = run.system
  run.waits_until, run.reason = system.clock() + seconds, "no connection"
  run.display:note("the server can't be reached (" .. tostring(err) .. ")")
  while system.clock() < run.waits_until and not run.tally.stopped do
    system.nap(math.min(TURN_SECONDS, run.waits_until - system.clock()))
    tick(run)
  end
  run.waits_until = nil
end

local function abandon_files(run)
  for _, file in pairs(run.files) do
    file:abandon()
  end
end

local function watch_signals(run)
  run.system.on_interrupt(function(count)
    run.interrupted = true
    if count > 1 then
      run.display:finish()
      abandon_files(run)
      complain(shown.resume(nil, run.settings, run.command))
      os.exit(EXIT.interrupted, false)
    end
  end)
end

local function invite(run, input)
  local settings = run.settings
  run.started = run.system.clock()
  run.client = new_client(settings, run.system, on_event(run), function()
    tick(run)
  end)
  local journal = open_journal(settings)
  run.files = open_files(settings)
  run.campaign = campaign.new {
    client = run.client, settings = settings, tally = run.tally, journal = journal,
    next_person = run.plan:again(input:people(), function(row)
      run.tally:count(row)
      tell_row(run, row)
    end),
    tell = function(row, params)
      tell_row(run, row, params)
    end,
    links = run.files.save_links and function(row)
      add(run.files, "save_links", row)
    end,
    wait = function(seconds, err)
      wait(run, seconds, err)
    end,
  }
  watch_signals(run)
  run.system.outlive_readers()
  io.stdout:setvbuf("line")
  run.campaign:invite()
  run.client:close()
end

local function close_files(run)
  for _, file in pairs(run.files) do
    check(file:close())
  end
end

-- Whatever ends it: nothing half-written is left.
local function guarded(run, input)
  local fine, err = pcall(invite, run, input)
  if fine then
    fine, err = pcall(close_files, run)
  end
  if not fine then
    run.display:finish()
    abandon_files(run)
    error(err, 0)
  end
  run.display:finish(state_of(run))
end

local function sum_up(run)
  local stopped = run.tally.stopped
  if not run.settings.quiet then
    io.stderr:write(shown.summary(run.tally.counts, run.plan), "\n")
  end
  if stopped and stopped.exit ~= EXIT.interrupted then
    complain("stopped: " .. escape(stopped.message))
  end
  if stopped or run.tally.counts.unknown > 0 then
    complain(shown.resume(stopped, run.settings, run.command))
  end
  return run.campaign:exit()
end

-- ## Without sending

local function print_curl(run, input)
  local base_url = access.base_url(run.settings)
  for _, params in run.plan:again(input:people(), function() end) do
    check(output.write(io.stdout, shown.curl(base_url, params), "\n"), "cannot write the commands")
  end
end

local function check_input(settings, input)
  local faults = 0
  local checked = plan.make(input:people(), settings, function(row)
    faults = faults + (row.outcome == "invalid" and 1 or 0)
    complain(shown.at(input.name, row))
  end)
  local ignored = input:ignored()
  if ignored[1] then
    complain(input.name .. ": not looked at: " .. escape(table.concat(ignored, ", ")))
  end
  if faults > 0 and not settings.skip_invalid and not settings.dry_run then
    fail(EXIT.usage, ("nothing was sent, since %s; --skip-invalid leaves them out"):format(
      faults == 1 and "a row is wrong" or faults .. " rows are wrong"))
  end
  return checked
end

-- ## The command

local function run_command(settings, given)
  local system = require "aitronos.cli.system"
  local fault = plan.fault(settings)
  if fault then
    fail(EXIT.usage, fault)
  end
  local input = check(inputs.open(settings))
  local run = {
    settings = settings, system = system, files = {}, display = new_display(settings, system),
    command = resume_command(given),
    plan = check_input(settings, input), tally = tally.new(settings),
    results_too = system.is_terminal(system.STDOUT),
  }
  if settings.dry_run then
    io.stdout:write(shown.plan(run.plan, settings, input.name))
    return run.plan.invalid > 0 and not settings.skip_invalid and EXIT.usage or EXIT.done
  elseif settings.print_curl then
    print_curl(run, input)
    return EXIT.done
  end
  guarded(run, input)
  return sum_up(run)
end

local function try(given)
  local settings, message = arguments.parse(given)
  if not settings then
    fail(EXIT.usage, message .. "\nTry '" .. usage.NAME .. " --help'.")
  elseif settings.action == "help" then
    io.stdout:write(settings.text)
    return EXIT.done
  elseif settings.action == "version" then
    io.stdout:write(shown.version(), "\n")
    return EXIT.done
  end
  if not pcall(require, "posix.unistd") then
    fail(EXIT.error, "luaposix is needed, and is not there for " .. _VERSION)
  end
  return run_command(settings, given)
end

--- Runs the command. What it has to say goes to standard output and standard error.
---@param given string[] its arguments
---@return integer exit the exit code
function cli.main(given)
  local fine, result = pcall(try, given)
  if fine then
    return result
  elseif type(result) == "table" and result.exit then
    complain(result.message)
    return result.exit
  end
  complain(escape(tostring(result)))
  return EXIT.error
end

return cli
