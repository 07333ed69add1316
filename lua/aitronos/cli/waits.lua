--- Why a call waits, as its events say, and for how long.

local complaint = require "aitronos.cli.complaint"
local shown = require "aitronos.cli.shown"

-- Less is no news where a line is left for each wait.
local WORTH_A_LINE = 1

local waits = {
  RATE = "--rate",
}

local ASKED = "the server asked"
local REASONS = {
  wait = { rate = waits.RATE, allowance = "the server's limit", pause = ASKED },
  retry = { http_429 = ASKED },
}

--- For how many seconds a limit holds all calls back, and which one; nil for any other event.
---@param event aitronos.Event
---@return number? seconds
---@return string? reason
function waits.of(event)
  local reason = event.delay and REASONS[event.name] and REASONS[event.name][event.reason]
  return reason and event.delay, reason
end

--- Says it in a line, where there is no display: before there is a plan.
---@param event aitronos.Event
function waits.tell(event)
  local seconds, reason = waits.of(event)
  if event.name == "retry" then
    seconds, reason = event.delay, reason or event.reason
  end
  if seconds and seconds >= WORTH_A_LINE then
    complaint.say(("waits until %s to ask for the roles (%s)"):format(shown.time_of(seconds),
      reason))
  end
end

return waits
