--- What became of the rows so far, whether that ends the run before its time, and with what the
--- command ends.

local record = require "aitronos.cli.record"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

---@class aitronos.Stop
---@field exit integer
---@field message string
---@field resume_at? number seconds from now

---@class aitronos.Tally
---@field counts table<string, integer> by outcome, but `unreached` for whom it did not come to;
---`earlier` of all these by an earlier run
---@field stopped? aitronos.Stop why it ended before its time
---@field private settings aitronos.CommandSettings
---@field private failed integer
---@field private on_stop fun()[]
local Tally = {}
Tally.__index = Tally

local tally = {}

---@param row aitronos.Record
function Tally:count(row)
  local name = row.code == record.NOT_REACHED and "unreached" or row.outcome
  self.counts[name] = self.counts[name] + 1
end

--- Stops where so many have failed as may.
function Tally:fail()
  local most = self.settings.max_failures
  self.failed = self.failed + 1
  if most and self.failed >= most then
    self:stop { exit = EXIT.partly, message = "--max-failures " .. most .. " is reached" }
  end
end

--- Ends the run: nothing more is taken, what is under way comes to its end. The first reason
--- counts.
---@param stop aitronos.Stop
function Tally:stop(stop)
  self.stopped = self.stopped or stop
  for _, call in ipairs(self.on_stop) do
    call()
  end
end

--- Calls it when the run is to end.
---@param call fun()
function Tally:watch(call)
  self.on_stop[#self.on_stop + 1] = call
end

local FAILED = { "rejected", "not_sent", "unknown", "invalid" }

--- What the command ends with.
---@param otherwise integer where nothing came of it
---@return integer
function Tally:exit(otherwise)
  local counts = self.counts
  local skips = self.settings.existing == "skip"
  local fine = counts.made + (skips and counts.existing or 0)
  if self.stopped then
    return self.stopped.exit
  elseif counts.unknown > 0 then
    return EXIT.unknown
  end
  local failed = skips and 0 or counts.existing
  for _, outcome in ipairs(FAILED) do
    failed = failed + counts[outcome]
  end
  return failed == 0 and EXIT.done or fine > 0 and EXIT.partly or otherwise
end

---@param settings aitronos.CommandSettings
---@return aitronos.Tally
function tally.new(settings)
  return setmetatable({
    settings = settings, failed = 0, on_stop = {},
    counts = {
      made = 0, existing = 0, rejected = 0, not_sent = 0, unknown = 0, invalid = 0, duplicate = 0,
      unreached = 0, earlier = 0,
    },
  }, Tally)
end

return tally
