--- What a campaign notes in its journal, where it keeps one: that a request is about to leave, and
--- what came of it.

local health = require "aitronos.cli.health"

-- Refused for a reason that is not the row's: the next run tries again.
local PASSING = { authentication = true, rate_limit = true, config = true }

---@class aitronos.Ledger
---@field private journal? aitronos.Journal
---@field private denied { key: string, row: aitronos.Record }[] of whom it is not settled yet
---whether they or the organization were refused
local Ledger = {}
Ledger.__index = Ledger

local ledger = {}

--- What earlier runs left of a person.
---@param key string
---@return table? entry as `Journal:entry` returns it
function Ledger:entry(key)
  return self.journal and self.journal:entry(key)
end

--- That a request for a person is about to leave. It may once `sync` has succeeded.
---@param key string
---@param role? string
function Ledger:intend(key, role)
  if self.journal then
    self.journal:intend(key, role)
  end
end

---@return true?
---@return string? message
function Ledger:sync()
  if not self.journal then
    return true
  end
  return self.journal:sync()
end

--- What came of it.
---@param key string
---@param row aitronos.Record
---@param err? aitronos.Error
---@return true?
---@return string? message
function Ledger:finish(key, row, err)
  local journal = self.journal
  if not journal or row.outcome == "unknown" then
    return true -- the next run looks it up
  elseif err and health.is_denial(err) then
    self.denied[#self.denied + 1] = { key = key, row = row }
    return true
  elseif err and (row.outcome == "not_sent" or err.retryable or PASSING[err.kind]) then
    journal:retract(key)
  else
    journal:finish(key, row)
  end
  return journal:flush()
end

--- Nothing of it left.
---@param key string
function Ledger:retract(key)
  if self.journal then
    self.journal:retract(key)
  end
end

--- Where somebody else is let in, earlier refusals were about their rows, and are final. Else the
--- next run tries those again.
---@param final boolean
function Ledger:settle(final)
  for _, denied in ipairs(self.denied) do
    if final then
      self.journal:finish(denied.key, denied.row)
    else
      self.journal:retract(denied.key)
    end
  end
  self.denied = {}
end

---@return true?
---@return string? message
function Ledger:close()
  self:settle(false)
  if not self.journal then
    return true
  end
  return self.journal:close()
end

---@param journal? aitronos.Journal
---@return aitronos.Ledger
function ledger.new(journal)
  return setmetatable({ journal = journal, denied = {} }, Ledger)
end

return ledger
