--- Does one operation for all of a plan, and stops in time: at a key that is refused, at a limit
--- that is used up, at a network that is down, when it is told to.
---
--- The journal says that a request is about to leave before it does, for a batch at once; what is
--- known of its end follows.

local health = require "aitronos.cli.health"
local ledger = require "aitronos.cli.ledger"
local record = require "aitronos.cli.record"
local usage = require "aitronos.cli.usage"

local remove = table.remove
local EXIT = usage.EXIT

-- Where the network is down one person is tried, after each of these waits.
local PROBE_SECONDS = { 5, 10, 20, 40, 60 }
-- How often a person may come again whom a limit or the network turned away.
local MOST_TRIES = 10

---@class aitronos.Entry
---@field person aitronos.Person
---@field params table of the call
---@field found? aitronos.Invitation that it is about, where an earlier campaign found it
---@field in_doubt? integer since when: an earlier run may have sent it
---@field tries integer
---@field turned_away? boolean once, retries and all, for a reason that passes

---What a campaign does for each person, and makes of what comes of it.
---@class aitronos.CampaignOperation
---@field name aitronos.Operation of the client
---@field row fun(entry: aitronos.Entry, outcome: aitronos.Outcome): aitronos.Record? nil: this
---person goes on elsewhere
---@field earlier? fun(entry: aitronos.Entry, found: table): aitronos.Record? of what the journal
---has of an earlier run, where that is all there is to do; may set `in_doubt`
---@field is_answer? fun(err: aitronos.Error): boolean whether an Error says what was asked

---@class aitronos.Campaign
---@field private tally aitronos.Tally
---@field private health aitronos.Health
---@field private ledger aitronos.Ledger
---@field private run? aitronos.Run
---@field private batch aitronos.Entry[] whose intents are on disk
---@field private again aitronos.Entry[] whose turn comes again
---@field private probes integer since the network was last seen to work
---@field private concluded? boolean
---@field private entries table<table, aitronos.Entry> under way, by their params
local Campaign = {}
Campaign.__index = Campaign

local campaign = {}

-- ## What is next

local function tell(self, entry, row)
  self.tally:count(row)
  self.tell(row, entry)
end

local function stop_unless(self, fine, message)
  if not fine then
    self.tally:stop { exit = EXIT.error, message = message }
  end
end

-- What an earlier run says of this person: true where that is all there is to do.
local function is_done(self, entry)
  local look = self.operation.earlier
  local found = look and self.ledger:entry(entry.person.key)
  local row = found and look(entry, found)
  if not row then
    return false
  end
  self.tally:count_earlier(row)
  self.tell(row, entry)
  return true
end

local function take_person(self)
  local person, params, found = self.next_person()
  return person and { person = person, params = params, found = found, tries = 0 }
end

-- Takes people from the input, and has the journal say that they are about to be sent.
local function fill_batch(self)
  local batch = self.batch
  while #batch < self.batch_size do
    local entry = take_person(self)
    if not entry then
      break
    elseif not is_done(self, entry) then
      batch[#batch + 1] = entry
      if not entry.in_doubt then
        self.ledger:intend(entry.person.key, entry.params.role_id)
      end
    end
  end
  if batch[1] then
    stop_unless(self, self.ledger:sync())
  end
end

local function next_entry(self)
  if self.again[1] then
    return remove(self.again, 1)
  end
  if not self.batch[1] then
    fill_batch(self)
  end
  return not self.tally.stopped and remove(self.batch, 1) or nil
end

-- ## What came of it

local function finish(self, entry, outcome, err)
  local row = self.operation.row(entry, outcome)
  if not row then
    return
  end
  local fine = self.tally:is_fine(row.outcome)
  stop_unless(self, self.ledger:finish(entry.person.key, row, not fine and err or nil))
  tell(self, entry, row)
  if not fine then
    self.tally:fail()
  end
end

-- Whether this person's turn comes again.
local function comes_again(self, entry, err)
  if health.had_no_turn(err) then
    return true
  end
  entry.tries = entry.tries + 1
  local again, stop = self.health:fail(err)
  if stop then
    self.tally:stop(stop)
  elseif self.health.broken then
    self.run:stop()
  end
  if err.outcome == "rejected" and err.retryable and not entry.turned_away then
    -- Once more, and that with retries: after a doubt a call has none, and the client's may be used
    -- up for now.
    entry.in_doubt, entry.turned_away, again = nil, err.attempts > 1, true
  end
  return again
end

local function take_outcome(self, outcome)
  local entry = self.entries[outcome.params]
  local err, is_answer = outcome.error, self.operation.is_answer
  self.entries[outcome.params] = nil
  if not err or is_answer and is_answer(err) then
    self.health:succeed()
    self.ledger:settle(true)
    return finish(self, entry, outcome)
  end
  local again = comes_again(self, entry, err)
  -- Of one in doubt that was cancelled this run sent nothing: it is looked up as before.
  local as_before = err.outcome ~= "unknown" or entry.in_doubt and err.kind == "cancelled"
  if again and as_before and entry.tries < MOST_TRIES then
    self.again[#self.again + 1] = entry
  else
    finish(self, entry, outcome, err)
  end
end

-- ## Its runs

local function is_anybody_left(self)
  if not self.again[1] and not self.batch[1] then
    fill_batch(self)
  end
  return self.again[1] ~= nil or self.batch[1] ~= nil
end

-- The next ones, until there is nobody left or it stops; `most` people where that is given.
local function new_run(self, most)
  return self.client:for_each(self.operation.name, function()
    local entry = (not most or most > 0) and not self.tally.stopped and not self.health.broken
      and next_entry(self)
    if not entry then
      return nil
    end
    most = most and most - 1
    self.entries[entry.params] = entry
    return entry.params, entry.in_doubt and true
  end, { concurrency = most and 1 or self.concurrency })
end

-- A run of one person, after a wait, to see whether the network is back. Nil where it stops.
local function new_probe(self)
  local tally, err = self.tally, self.health.network_error
  self.probes = self.probes + 1
  local seconds = self.probe_seconds[self.probes]
  if seconds then
    self.wait(seconds, err)
  else
    tally:stop { exit = EXIT.network, message = tostring(err) }
  end
  if tally.stopped then
    return nil
  end
  self.health:forgive()
  return new_run(self, 1)
end

-- Nil where there is nothing more to do.
local function next_run(self)
  if self.tally.stopped or not is_anybody_left(self) or self.tally.stopped then
    return nil
  elseif self.health.broken or self.probes > 0 and not self.health:is_fine() then
    return new_probe(self)
  end
  self.probes = 0
  return new_run(self)
end

-- Whom the run did not come to, row by row.
local function tell_unreached(self)
  local function unreached(entry)
    local role = entry.params.role_id or entry.found and entry.found.role_id
    tell(self, entry, record.unreached(entry.person, role, entry.in_doubt ~= nil))
  end
  for _, list in ipairs { self.again, self.batch } do
    for _, entry in ipairs(list) do
      self.ledger:retract(entry.person.key)
      unreached(entry)
    end
  end
  for entry in take_person, self do
    if not is_done(self, entry) then
      unreached(entry)
    end
  end
end

local function conclude(self)
  self.concluded = true
  if self.tally.stopped then
    tell_unreached(self)
  end
  self.tally:blame(self.health:exit())
  stop_unless(self, self.ledger:close())
end

--- Does what comes next, and takes in one outcome at most.
---@return boolean goes_on false once nothing is left to do, nor under way
function Campaign:step()
  self.run = self.run or next_run(self)
  if not self.run then
    if not self.concluded then
      conclude(self)
    end
    return false
  end
  local outcome = self.run()
  if outcome then
    take_outcome(self, outcome)
  else
    self.run = nil
  end
  return true
end

--- Does all of it.
function Campaign:run_through()
  repeat
  until not self:step()
end

---@class aitronos.CampaignOptions
---@field client aitronos.Client
---@field operation aitronos.CampaignOperation
---@field settings aitronos.CommandSettings
---@field tally aitronos.Tally
---@field journal? aitronos.Journal
---@field next_person fun(): aitronos.Person?, table?, aitronos.Invitation? with the params of the
---call, and what was found before; nil at the end, however often
---@field tell fun(row: aitronos.Record, entry: aitronos.Entry)
---@field wait fun(seconds: number, err: aitronos.Error) returns early where it is stopped
---@field concurrency? integer in place of the settings'
---@field batch_size? integer people whose intents are synced at once
---@field probe_seconds? number[]

---@param given aitronos.CampaignOptions
---@return aitronos.Campaign
function campaign.new(given)
  local concurrency = given.concurrency or given.settings.concurrency
  local self = setmetatable({
    client = given.client,
    operation = given.operation,
    tally = given.tally,
    next_person = given.next_person,
    tell = given.tell,
    ledger = ledger.new(given.journal),
    health = health.new(given.settings.deadline),
    wait = given.wait,
    probe_seconds = given.probe_seconds or PROBE_SECONDS,
    concurrency = concurrency,
    batch_size = given.batch_size or math.max(16, concurrency),
    batch = {}, again = {}, entries = {}, probes = 0,
  }, Campaign)
  given.tally:watch(function()
    if self.run then
      self.run:stop()
    end
  end)
  return self
end

return campaign
