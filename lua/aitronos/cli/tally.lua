--- What became of the rows so far, whether that ends the run before its time, and with what the
--- command ends.

local record = require "aitronos.cli.record"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

local FINE = { made = true, pending = true, none = true, resent = true }
-- Counted, but neither done nor failed.
local ASIDE = { duplicate = true, unreached = true, earlier = true }

---@class aitronos.Stop
---@field exit integer
---@field message string
---@field resume_at? number seconds from now

---@class aitronos.Tally
---@field counts table<string, integer> by outcome, but `unreached` for whom it did not come to;
---`earlier` of all these by an earlier run
---@field ended integer people of whom it is known what became of them
---@field stopped? aitronos.Stop why it ended before its time
---@field private settings aitronos.CommandSettings
---@field private failed integer
---@field private on_stop fun()[]
---@field private cause? integer the exit code where nothing came of it
local Tally = {}
Tally.__index = Tally

local tally = {}

---@param row aitronos.Record
function Tally:count(row)
  local name = row.code == record.NOT_REACHED and "unreached" or row.outcome
  self.counts[name] = self.counts[name] + 1
  if not ASIDE[name] and name ~= "invalid" then
    self.ended = self.ended + 1
  end
end

--- A row of which an earlier run says all.
---@param row aitronos.Record
function Tally:count_earlier(row)
  self.counts.earlier = self.counts.earlier + 1
  self:count(row)
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

--- Says why nothing came of it, should that be so.
---@param exit? integer
function Tally:blame(exit)
  self.cause = self.cause or exit
end

--- Whether a row has ended as it should.
---@param outcome string
---@return boolean
function Tally:is_fine(outcome)
  return FINE[outcome] == true or outcome == "existing" and self.settings.existing ~= "fail"
end

-- How many rows there are of which `wanted` is true.
local function sum(self, wanted)
  local total = 0
  for outcome, count in pairs(self.counts) do
    total = total + (wanted(outcome) and count or 0)
  end
  return total
end

--- What the command ends with.
---@return integer
function Tally:exit()
  if self.stopped then
    return self.stopped.exit
  elseif self.counts.unknown > 0 then
    return EXIT.unknown
  end
  local failed = sum(self, function(outcome)
    return not self:is_fine(outcome) and not ASIDE[outcome]
  end)
  local fine = sum(self, function(outcome)
    return self:is_fine(outcome)
  end)
  return failed == 0 and EXIT.done or fine > 0 and EXIT.partly or self.cause or EXIT.partly
end

---@param settings aitronos.CommandSettings
---@return aitronos.Tally
function tally.new(settings)
  return setmetatable({
    settings = settings, ended = 0, failed = 0, on_stop = {},
    counts = {
      made = 0, existing = 0, pending = 0, none = 0, resent = 0,
      rejected = 0, not_sent = 0, failed = 0, unknown = 0, invalid = 0,
      duplicate = 0, unreached = 0, earlier = 0,
    },
  }, Tally)
end

return tally
