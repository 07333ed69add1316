--- Invites all of a plan, and stops in time: at a key that is refused, at a limit that is used up,
--- at a network that is down, when it is told to.
---
--- The journal says that a request is about to leave before it does, for a batch at once; what is
--- known of its end follows.

local health = require "aitronos.cli.health"
local ledger = require "aitronos.cli.ledger"
local plan = require "aitronos.cli.plan"
local record = require "aitronos.cli.record"
local usage = require "aitronos.cli.usage"

local remove = table.remove
local EXIT = usage.EXIT

-- Where the network is down one person is tried, after each of these waits.
local PROBE_SECONDS = { 5, 10, 20, 40, 60 }
-- How often a person may come again whom a limit or the network turned away.
local MOST_TRIES = 10
-- How far the clocks of this machine and the server may be apart.
local CLOCK_SECONDS = 60

---@class aitronos.Entry
---@field person aitronos.Person
---@field params aitronos.InviteUserParams
---@field in_doubt? integer since when: an earlier run may have sent it
---@field tries integer
---@field turned_away? boolean once, for a reason that passes

---@class aitronos.Campaign
---@field private tally aitronos.Tally
---@field private health aitronos.Health
---@field private ledger aitronos.Ledger
---@field private run? aitronos.Run
---@field private batch aitronos.Entry[] whose intents are on disk
---@field private again aitronos.Entry[] whose turn comes again
---@field private entries table<table, aitronos.Entry> under way, by their params
local Campaign = {}
Campaign.__index = Campaign

local campaign = {}

-- ## What is next

local function tell(self, row, params)
  self.tally:count(row)
  self.tell(row, params)
end

local function stop_unless(self, fine, message)
  if not fine then
    self.tally:stop { exit = EXIT.error, message = message }
  end
end

-- What an earlier run says of this person: true where that is all there is to do.
local function is_done(self, entry)
  local found = self.ledger:entry(entry.person.key)
  if not found then
    return false
  elseif found.state == "intent" then
    entry.in_doubt = found.at or 0
    return false
  end
  local was = found.outcome
  if was == "rejected" and found.role ~= plan.role_of(entry.params) then
    return false -- the row was mended
  end
  self.tally.counts.earlier = self.tally.counts.earlier + 1
  tell(self, record.earlier(entry.person, found), entry.params)
  return true
end

-- Takes people from the input, and has the journal say that they are about to be sent.
local function fill_batch(self)
  local batch = self.batch
  while #batch < self.batch_size do
    local person, params = self.next_person()
    if not person then
      break
    end
    local entry = { person = person, params = params, tries = 0 }
    if not is_done(self, entry) then
      batch[#batch + 1] = entry
      if not entry.in_doubt then
        self.ledger:intend(person.key, plan.role_of(params))
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

-- Whether what a look-up found is what an earlier run of this journal sent, and did not see made.
local function is_own(entry, invitation)
  local created = invitation.created_at
  return entry.in_doubt and type(created) == "string"
    and created >= os.date("!%Y-%m-%dT%H:%M:%S", entry.in_doubt - CLOCK_SECONDS)
end

local function made(entry, invitation, response)
  local row = record.made(entry.person, plan.role_of(entry.params), invitation, response)
  if row.outcome == "existing" and is_own(entry, invitation) then
    row.outcome = "made"
  end
  return row
end

local function keep_links(self, entry, invitation)
  if self.links and (invitation.invitation_key or invitation.invitation_link) then
    self.links {
      line = entry.person.line, address = entry.person.address,
      invitation_id = invitation.invitation_id, invitation_key = invitation.invitation_key,
      invitation_link = invitation.invitation_link,
    }
  end
end

local function finish(self, entry, row, err)
  stop_unless(self, self.ledger:finish(entry.person.key, row, err))
  tell(self, row, entry.params)
  if err then
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
    -- Once more: after a doubt a call sends only once, and the client's retries may be used up.
    entry.in_doubt, entry.turned_away, again = nil, true, true
  end
  return again
end

local function take_outcome(self, outcome)
  local entry = self.entries[outcome.params]
  local role = plan.role_of(entry.params)
  local err = outcome.error
  self.entries[outcome.params] = nil
  if not err then
    self.health:succeed()
    self.ledger:settle(true)
    keep_links(self, entry, outcome.invitation)
    return finish(self, entry, made(entry, outcome.invitation, outcome.response))
  end
  local again = comes_again(self, entry, err)
  -- Of one in doubt that was cancelled this run sent nothing: it is looked up as before.
  local as_before = err.outcome ~= "unknown" or entry.in_doubt and err.kind == "cancelled"
  if again and as_before and entry.tries < MOST_TRIES then
    self.again[#self.again + 1] = entry
  elseif err.kind == "conflict" and err.status == 409 and self.settings.existing == "skip" then
    finish(self, entry, record.failed(entry.person, role, err, "existing"), nil)
  else
    finish(self, entry, record.failed(entry.person, role, err), err)
  end
end

-- ## The run

-- Invites until there is nobody left, or it stops; `most` people where that is given.
local function drive(self, most)
  self.run = self.client:invite_users(function()
    local entry = (not most or most > 0) and not self.tally.stopped and not self.health.broken
      and next_entry(self)
    if not entry then
      return nil
    end
    most = most and most - 1
    self.entries[entry.params] = entry
    return entry.params, entry.in_doubt ~= nil
  end, { concurrency = most and 1 or self.settings.concurrency })
  for outcome in self.run do
    take_outcome(self, outcome)
  end
  self.run = nil
end

local function is_anybody_left(self)
  if not self.again[1] and not self.batch[1] then
    fill_batch(self)
  end
  return self.again[1] ~= nil or self.batch[1] ~= nil
end

-- Waits for a network that is down, until one person's turn ends otherwise.
local function probe(self)
  for _, seconds in ipairs(self.probe_seconds) do
    if not is_anybody_left(self) then
      self.health.broken = false
      return
    end
    self.wait(seconds, self.health.network_error)
    if self.tally.stopped then
      return
    end
    self.health:forgive()
    drive(self, 1)
    if self.health:is_fine() then
      return
    end
  end
  self.tally:stop { exit = EXIT.network, message = tostring(self.health.network_error) }
end

-- Whom the run did not come to, row by row.
local function tell_unreached(self)
  local function unreached(entry)
    tell(self, record.unreached(entry.person, plan.role_of(entry.params), entry.in_doubt ~= nil),
      entry.params)
  end
  for _, list in ipairs { self.again, self.batch } do
    for _, entry in ipairs(list) do
      self.ledger:retract(entry.person.key)
      unreached(entry)
    end
  end
  for person, params in self.next_person do
    local entry = { person = person, params = params }
    if not is_done(self, entry) then
      unreached(entry)
    end
  end
end

--- Invites them. Returns once nothing is under way any more.
function Campaign:invite()
  local stopped
  repeat
    drive(self)
    if self.health.broken and not self.tally.stopped then
      probe(self)
    end
    stopped = self.tally.stopped
  until stopped or not self.again[1] and not self.batch[1] and not self.health.broken
  if stopped then
    tell_unreached(self)
  end
  stop_unless(self, self.ledger:close())
end

--- What the command ends with.
---@return integer
function Campaign:exit()
  return self.tally:exit(self.health:exit())
end

---@param given table client, settings, tally, next_person (of a plan), tell (row, params), links
---(or nil), journal (or nil), wait (fun(seconds, err): waits, and may stop), probe_seconds (or nil)
---@return aitronos.Campaign
function campaign.new(given)
  local self = setmetatable({
    client = given.client,
    settings = given.settings,
    tally = given.tally,
    next_person = given.next_person,
    tell = given.tell,
    links = given.links,
    ledger = ledger.new(given.journal),
    health = health.new(given.settings.deadline),
    wait = given.wait,
    probe_seconds = given.probe_seconds or PROBE_SECONDS,
    batch_size = math.max(16, given.settings.concurrency),
    batch = {}, again = {}, entries = {},
  }, Campaign)
  given.tally:watch(function()
    if self.run then
      self.run:stop()
    end
  end)
  return self
end

return campaign
