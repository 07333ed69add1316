--- What failures say about all of a run and not about one person: that the key is refused, that the
--- organization lets nobody in, that a limit is used up, that the network is down.

local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

-- So many failures of the network or the server in a row, and it is taken to be down.
local BROKEN_AFTER = 5
-- So many refusals in a row, and they are about the organization.
local DENIED_AFTER = 5
-- A wait that the server asks for is made so much longer at most, lest all come back at once.
local JITTER = 1.1

-- What the command ends with, by the kind of the Error, where nothing else came of it.
local EXITS = {
  authentication = EXIT.credentials, permission = EXIT.credentials,
  rate_limit = EXIT.throttled, argument = EXIT.usage,
  connection = EXIT.network, timeout = EXIT.network, tls = EXIT.network,
  server = EXIT.network, protocol = EXIT.network,
}
local DENIED = { permission = true, not_found = true }

---@class aitronos.Health
---@field broken boolean the network is taken to be down
---@field network_error? aitronos.Error the last of those that say so
---@field private deadline number of a call, in seconds
---@field private reached boolean a server has answered
---@field private failures integer of network or server, in a row
---@field private denied integer refusals in a row
---@field private last? aitronos.Error of a call that had its turn
local Health = {}
Health.__index = Health

local health = {}

--- Whether an Error refuses a person in words that may be meant for all of the organization.
---@param err aitronos.Error
---@return boolean
function health.is_denial(err)
  return DENIED[err.kind] == true
end

--- What the command ends with where such an Error is all that came of it, if that is known.
---@param err aitronos.Error
---@return integer?
function health.exit_of(err)
  return EXITS[err.kind]
end

--- Whether an Error says nothing, since its call had no turn: the run stopped or broke before it,
--- or its time was over before the pace let it leave.
---@param err aitronos.Error
---@return boolean
function health.had_no_turn(err)
  return err.kind == "cancelled" or err.code == "DEADLINE_EXCEEDED" and err.attempts == 0
end

--- A call was answered as it should be.
function Health:succeed()
  self.failures, self.denied, self.reached = 0, 0, true
end

local function fail_by_network(self, err)
  self.failures = self.failures + 1
  self.network_error = err
  local lasts = self.failures >= BROKEN_AFTER
  self.broken = self.broken or lasts and self.reached
  return err.outcome == "not_sent",
    lasts and not self.reached and { exit = EXIT.network, message = tostring(err) } or nil
end

--- Takes in an Error of a call that had its turn.
---@param err aitronos.Error
---@return boolean comes_again it is about the run, so that this person's turn comes again
---@return aitronos.Stop? stop why the run is to end
function Health:fail(err)
  local kind = err.kind
  self.reached = self.reached or err.status ~= nil
  self.denied = DENIED[kind] and self.denied + 1 or 0
  self.last = err
  if EXITS[kind] == EXIT.network then
    return fail_by_network(self, err)
  end
  self.failures = 0
  if kind == "rate_limit" then
    -- A shorter wait was only too long for what was left of this call's time.
    local is_long = (err.retry_after or 0) * JITTER > self.deadline
    return true, is_long and {
      exit = EXIT.throttled, message = err.message, resume_at = err.retry_after,
    } or nil
  elseif kind == "authentication" or self.denied >= DENIED_AFTER then
    return false, { exit = EXITS[kind] or EXIT.partly, message = tostring(err) }
  end
  return false
end

--- Before one person is tried, to see whether the network is back.
function Health:forgive()
  self.broken, self.failures = false, 0
end

--- Whether it was back.
---@return boolean
function Health:is_fine()
  return self.failures == 0
end

--- What the command ends with where nothing came of it, if that is known.
---@return integer?
function Health:exit()
  return (self.denied > 0 or self.failures > 0) and EXITS[self.last.kind] or nil
end

---@param deadline number of a call, in seconds
---@return aitronos.Health
function health.new(deadline)
  return setmetatable({
    deadline = deadline, broken = false, reached = false, failures = 0, denied = 0,
  }, Health)
end

return health
