--- Invites all of a plan, and stops in time: at a key that is refused, at a limit that is used up,
--- at a network that is down, when it is told to.
---
--- The journal says that a request is about to leave before it does, for a batch at once; what is
--- known of its end follows.

local plan = require "aitronos.cli.plan"
local record = require "aitronos.cli.record"
local usage = require "aitronos.cli.usage"

local remove = table.remove
local EXIT = usage.EXIT

-- So many failures of the network or the server in a row, and it is taken to be down. Then one
-- person is tried, after each of these waits.
local BROKEN_AFTER = 5
local PROBE_SECONDS = { 5, 10, 20, 40, 60 }
-- So many refusals in a row, and they are about the organization.
local DENIED_AFTER = 5
-- How often a person may come again whom a limit or the network turned away.
local MOST_TRIES = 10
-- A wait that the server asks for is made so much longer at most, lest all come back at once.
local JITTER = 1.1
-- How far the clocks of this machine and the server may be apart.
local CLOCK_SECONDS = 60

local NETWORK = {
  connection = true, timeout = true, tls = true, server = true, protocol = true,
}
local DENIED = { permission = true, not_found = true }
-- Refused for a reason that is not the row's: the next run tries again.
local PASSING = { authentication = true, rate_limit = true, config = true }

---@class aitronos.Entry
---@field person aitronos.Person
---@field params aitronos.InviteUserParams
---@field in_doubt? integer since when: an earlier run may have sent it
---@field tries integer
---@field turned_away? boolean once, for a reason that passes

---@class aitronos.Stop
---@field exit integer
---@field message string
---@field resume_at? number seconds from now

---@class aitronos.Campaign
---@field counts table<string, integer> by outcome, but `unreached` for whom it did not come to;
---`earlier` of all these by an earlier run
---@field stopped? aitronos.Stop why it ended before its time
local Campaign = {}
Campaign.__index = Campaign

local campaign = {}

-- ## What is next

local function tell(self, row, params)
  local counts = self.counts
  local name = row.code == record.NOT_REACHED and "unreached" or row.outcome
  counts[name] = (counts[name] or 0) + 1
  self.tell(row, params)
end

-- Ends the run: nothing more is taken, what is under way comes to its end.
function Campaign:stop(exit, message, resume_at)
  self.stopped = self.stopped or { exit = exit, message = message, resume_at = resume_at }
  if self.run then
    self.run:stop()
  end
end

-- What an earlier run says of this person: true where that is all there is to do.
local function is_done(self, entry)
  local found = self.journal and self.journal:entry(entry.person.key)
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
  self.counts.earlier = self.counts.earlier + 1
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
      if self.journal and not entry.in_doubt then
        self.journal:intend(person.key, plan.role_of(params))
      end
    end
  end
  local fine, message = true, nil
  if self.journal and batch[1] then
    fine, message = self.journal:sync()
  end
  if not fine then
    self:stop(EXIT.error, message)
  end
end

local function next_entry(self)
  if self.again[1] then
    return remove(self.again, 1)
  end
  if not self.batch[1] then
    fill_batch(self)
  end
  return not self.stopped and remove(self.batch, 1) or nil
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

-- Where somebody else is invited, earlier refusals were about their rows, and are final. Else the
-- next run tries those again.
local function settle_denied(self, final)
  for _, denied in ipairs(self.denied_rows) do
    if final then
      self.journal:finish(denied.key, denied.row)
    else
      self.journal:retract(denied.key)
    end
  end
  self.denied_rows = {}
end

local function note_end(self, entry, row, err)
  local journal, key = self.journal, entry.person.key
  if not journal or row.outcome == "unknown" then
    return -- the next run looks it up
  elseif err and DENIED[err.kind] then
    self.denied_rows[#self.denied_rows + 1] = { key = key, row = row }
    return
  elseif err and (row.outcome == "not_sent" or err.retryable or PASSING[err.kind]) then
    journal:retract(key)
  else
    journal:finish(key, row)
  end
  local fine, message = journal:flush()
  if not fine then
    self:stop(EXIT.error, message)
  end
end

local function finish(self, entry, row, err)
  note_end(self, entry, row, err)
  tell(self, row, entry.params)
  self.failed = self.failed + (err and 1 or 0)
  if self.settings.max_failures and self.failed >= self.settings.max_failures then
    self:stop(EXIT.partly, "--max-failures " .. self.settings.max_failures .. " is reached")
  end
end

-- Cancelled as the run stopped or broke, or its time was over before the pace let it leave.
local function has_had_no_turn(err)
  return err.kind == "cancelled" or err.code == "DEADLINE_EXCEEDED" and err.attempts == 0
end

-- Whether an Error is about the run and not about the row; then this person's turn comes again.
local function is_about_run(self, err)
  local kind = err.kind
  if kind == "rate_limit" then
    -- A shorter one was only too long for what was left of this call's time.
    if (err.retry_after or 0) * JITTER > self.settings.deadline then
      self:stop(EXIT.throttled, err.message, err.retry_after)
    end
    return true
  elseif kind == "authentication" then
    self:stop(EXIT.credentials, tostring(err))
  elseif DENIED[kind] then
    self.denied = self.denied + 1
    if self.denied >= DENIED_AFTER then
      self:stop(EXIT.credentials, tostring(err))
    end
  elseif NETWORK[kind] then
    self.failures = self.failures + 1
    self.network_error = err
    if self.failures >= BROKEN_AFTER and not self.reached then
      self:stop(EXIT.network, tostring(err))
    elseif self.failures >= BROKEN_AFTER and not self.stopped then
      self.broken = true
      self.run:stop()
    end
    return err.outcome == "not_sent"
  end
  return false
end

local function take_outcome(self, outcome)
  local entry = self.entries[outcome.params]
  local role = plan.role_of(entry.params)
  local err = outcome.error
  self.entries[outcome.params] = nil
  if not err then
    self.failures, self.denied, self.reached = 0, 0, true
    settle_denied(self, true)
    keep_links(self, entry, outcome.invitation)
    return finish(self, entry, made(entry, outcome.invitation, outcome.response))
  end
  local had_no_turn = has_had_no_turn(err)
  self.reached = self.reached or err.status ~= nil
  if not NETWORK[err.kind] and not had_no_turn then
    self.failures = 0
  end
  if not DENIED[err.kind] then
    self.denied = 0
  end
  entry.tries = entry.tries + (had_no_turn and 0 or 1)
  local comes_again = had_no_turn or is_about_run(self, err)
  if err.outcome == "rejected" and err.retryable and not entry.turned_away then
    -- Once more: after a doubt a call sends only once, and the client's retries may be used up.
    entry.in_doubt, entry.turned_away, comes_again = nil, true, true
  end
  -- Of one in doubt that was cancelled this run sent nothing: it is looked up as before.
  local as_before = err.outcome ~= "unknown" or entry.in_doubt and err.kind == "cancelled"
  if comes_again and as_before and entry.tries < MOST_TRIES then
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
    local entry = (not most or most > 0) and not self.stopped and not self.broken
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
      self.broken = false
      return
    end
    self.wait(seconds, self.network_error)
    if self.stopped then
      return
    end
    self.broken, self.failures = false, 0
    drive(self, 1)
    if self.failures == 0 then
      return
    end
  end
  self:stop(EXIT.network, tostring(self.network_error))
end

-- Whom the run did not come to, row by row.
local function tell_unreached(self)
  local function unreached(entry)
    if self.journal then
      self.journal:retract(entry.person.key)
    end
    tell(self, record.unreached(entry.person, plan.role_of(entry.params), entry.in_doubt ~= nil),
      entry.params)
  end
  for _, list in ipairs { self.again, self.batch } do
    for _, entry in ipairs(list) do
      unreached(entry)
    end
  end
  for person, params in self.next_person do
    local entry = { person = person, params = params }
    if not is_done(self, entry) then
      tell(self, record.unreached(person, plan.role_of(params), entry.in_doubt ~= nil), params)
    end
  end
end

--- Invites them. Returns once nothing is under way any more.
function Campaign:invite()
  repeat
    drive(self)
    if self.broken and not self.stopped then
      probe(self)
    end
  until self.stopped or not self.again[1] and not self.batch[1] and not self.broken
  if self.stopped then
    tell_unreached(self)
  end
  settle_denied(self, false)
  if self.journal then
    local fine, message = self.journal:close()
    if not fine then
      self:stop(EXIT.error, message)
    end
  end
end

local FAILED = { "rejected", "not_sent", "unknown" }

--- What the command ends with.
---@return integer
function Campaign:exit()
  local counts = self.counts
  local skips = self.settings.existing == "skip"
  local fine = counts.made + (skips and counts.existing or 0)
  if self.stopped then
    return self.stopped.exit
  elseif counts.unknown > 0 then
    return EXIT.unknown
  end
  local failed = counts.invalid + (skips and 0 or counts.existing)
  for _, outcome in ipairs(FAILED) do
    failed = failed + counts[outcome]
  end
  if failed == 0 then
    return EXIT.done
  elseif fine > 0 then
    return EXIT.partly
  elseif self.denied > 0 then
    return EXIT.credentials
  end
  return self.failures > 0 and EXIT.network or EXIT.partly
end

---@param given table client, settings, next_person (of a plan), tell (row, params), links (or nil),
---journal (or nil), wait (fun(seconds, err): waits, and may stop), probe_seconds (or nil)
---@return aitronos.Campaign
function campaign.new(given)
  return setmetatable({
    client = given.client,
    settings = given.settings,
    next_person = given.next_person,
    tell = given.tell,
    links = given.links,
    journal = given.journal,
    wait = given.wait,
    probe_seconds = given.probe_seconds or PROBE_SECONDS,
    batch_size = math.max(16, given.settings.concurrency),
    batch = {}, again = {}, entries = {}, denied_rows = {},
    failed = 0, failures = 0, denied = 0, reached = false, broken = false,
    counts = {
      made = 0, existing = 0, rejected = 0, not_sent = 0, unknown = 0, invalid = 0, duplicate = 0,
      unreached = 0, earlier = 0,
    },
  }, Campaign)
end

return campaign
