--- Many calls of one operation: a window of them at once, and their outcomes as they end.
---
--- A call that waits for a time of its own, to be looked up or sent again, gives its place in the
--- window to another. Of such calls there are so many at most that memory stays bounded.
---
--- The first call goes alone until it is answered: that tells what the server allows, before a
--- whole window is too much, and whether the key is good, before so many are refused.
local check_concurrency = require("aitronos.options").concurrency
local errors = require "aitronos.error"
local finalizer = require "aitronos.finalizer"

local type = type

-- Calls open at most, those that wait by themselves included, for each place in the window.
local OPEN_FOR_A_PLACE = 16

-- The part of a window that is told in a row. Then others are sent before more is told: nobody
-- knows how long the caller takes over each, and the server would have nothing to do meanwhile.
local TOLD_IN_A_ROW = 1 / 4

---@class aitronos.Outcome
---@field index integer place in the source, from 1
---@field params table
---@field invitation? aitronos.Invitation of `invite_users`
---@field result? table of `for_each`
---@field response? aitronos.Response
---@field error? aitronos.Error

---@alias aitronos.Source
---| fun(): table?, boolean? the next params, and whether an earlier process may have sent them, so
---that it is looked up before they are sent; nil at the end

---@class aitronos.BulkOptions
---@field concurrency? integer requests in flight at once, in place of the client's own
---@field on_progress? fun(progress: aitronos.BulkProgress) called before each outcome

---@class aitronos.BulkProgress
---@field read integer taken from the source
---@field finished integer outcomes, the one that follows included
---@field failed integer of these, those with an error
---@field open integer under way
---@field waiting integer of these, those that wait for a time of their own

---What a driver waits for. Looks to it like a job.
---@class aitronos.Waited
---@field private run aitronos.Run
local Waited = {}

---@class aitronos.Run
---@field private calls table how it calls and waits
---@field private next_params aitronos.Source
---@field private window integer
---@field private room integer 1 until the first call is answered, then the window
---@field private jobs aitronos.Job[] open ones
---@field private outcomes aitronos.Outcome[] of these
---@field private ended table<integer, aitronos.Outcome> not told yet
---@field private first_ended integer where these begin
---@field private last_ended integer
---@field private told integer of these, since calls were last begun
---@field private fault? aitronos.Error no call can begin any more; raised once all else is told
---@field private seen integer? the core's count of changes at the last sweep
---@field private busy integer jobs that take a place
---@field private progress aitronos.BulkProgress
local Run = {}

local waited_metatable = { __index = Waited }
local run_metatable = { __index = Run }

-- ## The jobs of a run

local function end_call(run, outcome, result, response)
  outcome[run.calls.result_name] = result
  outcome[result and "response" or "error"] = response
  run.last_ended = run.last_ended + 1
  run.ended[run.last_ended] = outcome
end

local function has_ended(run)
  return run.first_ended <= run.last_ended
end

-- Sorts the open jobs: those that have ended, and those that take a place. A driver asks often, and
-- most often nothing has changed.
local function sweep(run)
  local changes = run.calls.changes()
  if changes == run.seen then
    return
  end
  run.seen = changes
  local jobs, outcomes = run.jobs, run.outcomes
  local count, kept, busy = #jobs, 0, 0
  for i = 1, count do
    local job, outcome = jobs[i], outcomes[i]
    local state = job:state()
    if state == "done" then
      end_call(run, outcome, job:try_result())
    else
      kept = kept + 1
      jobs[kept], outcomes[kept] = job, outcome
      if state ~= "waiting" then
        busy = busy + 1
      end
    end
  end
  for i = count, kept + 1, -1 do
    jobs[i], outcomes[i] = nil, nil
  end
  run.busy = busy
  if busy < count then
    run.room = run.window
  end
end

local function has_place(run)
  local untold = run.last_ended - run.first_ended + 1
  return run.next_params and run.busy + untold < run.room
    and #run.jobs < run.window * OPEN_FOR_A_PLACE
end

local function cancel(run)
  for _, job in ipairs(run.jobs) do
    job:cancel()
  end
end

-- Begins calls until the window is full or the source at its end. Returns whether it began any.
local function fill(run)
  local open = #run.jobs
  run.told = 0
  while has_place(run) do
    local params, in_doubt = run.next_params()
    if params == nil then
      run.next_params = nil
      break
    end
    local progress = run.progress
    progress.read = progress.read + 1
    local outcome = { index = progress.read, params = params }
    local before = run.calls.changes()
    local job, err = run.calls.start(params, in_doubt)
    run.seen = run.seen + run.calls.changes() - before -- no news, as it is entered here
    if job then
      local place = #run.jobs + 1
      run.jobs[place], run.outcomes[place] = job, outcome
      run.busy = run.busy + 1
    elseif err.kind == "config" then
      run.next_params, run.fault = nil, err
    else
      end_call(run, outcome, nil, err)
    end
  end
  return #run.jobs > open
end

--- Whether there is an outcome to tell, or a place for a further call.
function Waited:done()
  local run = self.run
  sweep(run)
  return has_ended(run) or #run.jobs == 0 or has_place(run) == true
end

--- Ends what is open.
function Waited:cancel()
  cancel(self.run)
end

--- The open jobs, for a driver that can wait for single ones only.
---@return aitronos.Job[]
function Waited:jobs()
  return self.run.jobs
end

-- ## The run

local function tell(run)
  local outcome = run.ended[run.first_ended]
  run.ended[run.first_ended] = nil
  run.first_ended = run.first_ended + 1
  run.told = run.told + 1
  local progress = run.progress
  progress.finished = progress.finished + 1
  progress.failed = progress.failed + (outcome.error and 1 or 0)
  progress.open = #run.jobs
  progress.waiting = progress.open - run.busy
  if run.on_progress then
    run.on_progress(progress)
  end
  return outcome
end

--- The next outcome; nil once all is done, or the run was closed.
---@return aitronos.Outcome?
function Run:next()
  while true do
    if not has_ended(self) then
      sweep(self)
      fill(self)
    elseif self.next_params and self.told >= self.window * TOLD_IN_A_ROW then
      if fill(self) then
        self.calls.turn()
      end
    end
    if has_ended(self) then
      return tell(self)
    elseif #self.jobs == 0 then
      local fault = self.fault
      self.fault = nil
      self:close()
      if fault then
        error(fault, 0)
      end
      return nil
    end
    self.calls.wait(self.waited)
    if not self.waited:done() then
      cancel(self) -- the driver gave up
    end
  end
end

--- Takes nothing more from the source, and ends the calls of which nothing was sent yet. What is
--- under way goes on, and its outcomes follow.
function Run:stop()
  self.next_params = nil
  for _, job in ipairs(self.jobs) do
    local state, attempts = job:state()
    if attempts == 0 and state ~= "in flight" then
      job:cancel()
    end
  end
end

--- Cancels what is open. No more outcomes follow.
function Run:close()
  self.next_params = nil
  cancel(self)
  self.jobs, self.outcomes, self.ended = {}, {}, {}
  self.first_ended, self.last_ended = 1, 0
  self.calls.override(self, nil)
end

function run_metatable.__call(run)
  return run:next()
end

function run_metatable.__close(run)
  run:close()
end

-- ## A new one

local function check_options(options)
  local faults = {}
  local function add(field, message)
    faults[#faults + 1] = { field = field, message = message }
  end

  if type(options) ~= "table" then
    add("options", "must be a table, not " .. type(options))
    return faults
  end
  local concurrency, on_progress = options.concurrency, options.on_progress
  local _, fault = check_concurrency(concurrency)
  if concurrency ~= nil and fault then
    add("concurrency", fault)
  end
  if on_progress ~= nil and type(on_progress) ~= "function" then
    add("on_progress", "must be a function, not " .. type(on_progress))
  end
  local known = { concurrency = true, on_progress = true }
  for _, field in ipairs(errors.unknown_keys(options, known)) do
    add(field, "is not an option of this call")
  end
  return faults
end

local function each_of(list)
  local index = 0
  return function()
    index = index + 1
    return list[index]
  end
end

---@param source any
---@param options any
---@param concurrency integer the client's own
---@param calls table { start = function(params, in_doubt), wait = function(waited), turn, override,
---changes, result_name = what a result is called in an outcome }
---@return aitronos.Run
local function new(source, options, concurrency, calls)
  options = options or {}
  local faults = check_options(options)
  if type(source) ~= "table" and type(source) ~= "function" then
    local message = "must be a list or a function, not " .. type(source)
    faults[#faults + 1] = { field = "source", message = message }
  end
  if faults[1] then
    error(errors.argument(faults), 0)
  end

  local run = {
    calls = calls,
    next_params = type(source) == "table" and each_of(source) or source,
    window = options.concurrency or concurrency,
    room = 1,
    on_progress = options.on_progress,
    jobs = {}, outcomes = {}, ended = {}, first_ended = 1, last_ended = 0, told = 0, busy = 0,
    progress = { read = 0, finished = 0, failed = 0, open = 0, waiting = 0 },
  }
  run.waited = setmetatable({ run = run }, waited_metatable)
  finalizer.set(run, run_metatable, Run.close)
  if options.concurrency then
    calls.override(run, options.concurrency)
  end
  return run
end

return { new = new }
