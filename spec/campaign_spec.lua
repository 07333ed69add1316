--- When a run goes on, waits, comes back to somebody, or stops; and with what it ends.

local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"
local campaign = require "aitronos.cli.campaign"
local invite_operation = require("aitronos.cli.invite").operation
local look_up = require "aitronos.cli.look_up"
local person = require "aitronos.cli.person"
local tally = require "aitronos.cli.tally"
local usage = require "aitronos.cli.usage"

local EXIT = usage.EXIT

local function source_of(count)
  local number = 0
  return function()
    if number < count then
      number = number + 1
      local one = person.new(number)
      one:set("address", ("p%d@example.com"):format(number))
      return one, { organization_id = "org_xyz789", email = one.address, role_id = "role_member" }
    end
  end
end

local function failure(fields)
  local err = { kind = "validation", outcome = "rejected", message = "no", attempts = 1 }
  for name, value in pairs(fields) do
    err[name] = value
  end
  return setmetatable(err, { __tostring = function() return err.kind end })
end

local MADE = { invitation_id = "inv_1", invitation_key = "secret" }

-- A client that answers one call after the other: `answer(params, in_doubt)` returns an invitation
-- and a response, or nil and an Error.
local function client_of(answer)
  local client = {}
  function client.for_each(_, _, source)
    local stopped = false
    return setmetatable({ stop = function() stopped = true end }, {
      __call = function()
        local params, in_doubt
        if not stopped then
          params, in_doubt = source()
        end
        if not params then
          return nil
        end
        local result, other = answer(params, in_doubt)
        return {
          params = params, result = result, response = result and other or nil,
          error = not result and other or nil,
        }
      end,
    })
  end
  return client
end

describe("a campaign", function()
  local rows, waits

  before_each(function()
    rows, waits = {}, {}
  end)

  -- Runs one to its end.
  local function invite(count, client, changes)
    local given = {
      client = client,
      settings = { existing = "skip", concurrency = 4, deadline = 120 },
      next_person = source_of(count),
      tell = function(row) rows[#rows + 1] = row end,
      wait = function(seconds) waits[#waits + 1] = seconds end,
      probe_seconds = { 1, 2, 3 },
    }
    for name, value in pairs(changes or {}) do
      given[name] = value
    end
    given.tally = tally.new(given.settings)
    given.operation = given.operation or invite_operation(given.settings)
    campaign.new(given):run_through()
    local counted = given.tally
    return { counts = counted.counts, stopped = counted.stopped, exit = counted:exit() }
  end

  -- So that the first one is made, and each other ends as `fields` say until it has come so often.
  local function then_failing(fields, times)
    local calls = {}
    return client_of(function(params)
      local email = params.email
      calls[email] = (calls[email] or 0) + 1
      if email == "p1@example.com" or calls[email] > (times or 1e9) then
        return MADE, {}
      end
      return nil, failure(fields)
    end)
  end

  it("tells each row once, and ends well", function()
    local done = invite(40, then_failing({}, 0))
    assert.equal(40, #rows)
    assert.equal(40, done.counts.made)
    assert.equal(EXIT.done, done.exit)
    assert.is_nil(rows[1].invitation_key)
  end)

  it("comes back to whom the pace did not let leave in time, however often", function()
    local done = invite(3, then_failing({
      kind = "timeout", code = "DEADLINE_EXCEEDED", outcome = "not_sent", attempts = 0,
    }, 50))
    assert.equal(EXIT.done, done.exit)
    assert.equal(3, #rows)
    assert.same({}, waits)
  end)

  it("comes back to whom a limit turned away, and stops where the wait is too long", function()
    local limited = { kind = "rate_limit", status = 429, retry_after = 60 }
    assert.equal(EXIT.done, invite(3, then_failing(limited, 3)).exit)
    limited.retry_after = 115 -- with what is added to it, longer than 120
    rows = {}
    local done = invite(5, then_failing(limited))
    assert.equal(EXIT.throttled, done.exit)
    assert.equal(115, done.stopped.resume_at)
    assert.equal(5, #rows)
    assert.equal(4, done.counts.unreached)
  end)

  it("gives up on somebody who is turned away again and again", function()
    local done = invite(2, then_failing { kind = "rate_limit", status = 429 })
    assert.equal(EXIT.partly, done.exit)
    assert.equal(1, done.counts.rejected)
  end)

  it("comes back once to whom the server turned away, again where no retry was left", function()
    local refused = { kind = "server", status = 503, retryable = true, attempts = 3 }
    assert.equal(2, invite(2, then_failing(refused, 1)).counts.made)
    assert.equal(1, invite(2, then_failing(refused, 2)).counts.rejected)
    refused.attempts = 1
    assert.equal(2, invite(2, then_failing(refused, 3)).counts.made)
  end)

  it("stops at a refused key at once, at a lacking permission when it is no row's own", function()
    local done = invite(40, then_failing { kind = "authentication" })
    assert.equal(EXIT.credentials, done.exit)
    assert.equal(38, done.counts.unreached)
    done = invite(40, then_failing { kind = "permission" })
    assert.equal(EXIT.credentials, done.exit)
    assert.equal(34, done.counts.unreached)
    done = invite(3, then_failing { kind = "permission" })
    assert.equal(EXIT.partly, done.exit)
    local refused = client_of(function() return nil, failure { kind = "permission" } end)
    assert.equal(EXIT.credentials, invite(1, refused).exit)
  end)

  it("takes no 404 for a key that was refused", function()
    local missing = client_of(function() return nil, failure { kind = "not_found" } end)
    assert.equal(EXIT.partly, invite(1, missing).exit)
    local done = invite(40, missing)
    assert.equal(EXIT.partly, done.exit)
    assert.equal(35, done.counts.unreached)
  end)

  it("says in which role somebody is whom it found and did not come to", function()
    local source = source_of(2)
    invite(2, client_of(function() return nil, failure { kind = "authentication" } end), {
      operation = { name = "resend_invitation", row = invite_operation({}).row },
      next_person = function()
        local one = source()
        return one, {}, { role_id = "role_found" }
      end,
    })
    assert.equal("NOT_REACHED", rows[2].code)
    assert.equal("role_found", rows[2].role)
  end)

  it("counts a conflict as done or as failed, as it is told", function()
    local conflict = { kind = "conflict", status = 409 }
    assert.equal(EXIT.done, invite(3, then_failing(conflict)).exit)
    assert.equal("existing", rows[3].outcome)
    local strict = { settings = { existing = "fail", concurrency = 4, deadline = 120 } }
    assert.equal(EXIT.partly, invite(3, then_failing(conflict), strict).exit)
    local found = client_of(function() return MADE, { existing = true } end)
    assert.equal(EXIT.done, invite(1, found).exit)
    assert.equal(EXIT.partly, invite(1, found, strict).exit)
    conflict.status = nil -- found with another role
    assert.equal(EXIT.partly, invite(3, then_failing(conflict)).exit)
  end)

  it("takes for an answer that there is no invitation, but no other lack", function()
    local operation = look_up.operation("none", error)
    local function ended_by(code)
      rows = {}
      local absent = { kind = "not_found", status = 404, code = code }
      return invite(40, client_of(function() return nil, failure(absent) end),
        { operation = operation })
    end
    for code, message in pairs {
      INVITATION_NOT_FOUND = "no pending invitation",
      NOT_FOUND = "no pending invitation, says the API: no",
    } do
      local done = ended_by(code)
      assert.equal(EXIT.done, done.exit)
      assert.equal(40, done.counts.none)
      assert.equal(message, rows[40].message)
    end
    -- The last one is of a path where no API is.
    for _, code in ipairs { "ORGANIZATION_NOT_FOUND", "HTTP_404" } do
      local done = ended_by(code)
      assert.equal(EXIT.partly, done.exit)
      assert.equal(35, done.counts.unreached)
      assert.equal("failed", rows[1].outcome)
      assert.equal("no", rows[1].message)
    end
  end)

  describe("with a journal", function()
    -- What it is told, in order; `entries` are what an earlier run left.
    local function journal_of(entries)
      local told = {}
      local journal = { told = told }
      function journal.entry(_, key) return entries and entries[key] end
      for _, name in ipairs { "intend", "finish", "retract" } do
        journal[name] = function(_, key) told[#told + 1] = name .. " " .. key:match("^%w+") end
      end
      for _, name in ipairs { "sync", "flush", "close" } do
        journal[name] = function()
          told[#told + 1] = name ~= "flush" and name or nil
          return not journal.fault, journal.fault
        end
      end
      return journal
    end

    it("has each intent on disk before it is sent, and each end after", function()
      local journal = journal_of()
      invite(2, client_of(function(params)
        journal.told[#journal.told + 1] = "send " .. params.email:match("^%w+")
        return MADE, {}
      end), { journal = journal })
      assert.equal("intend p1, intend p2, sync, send p1, finish p1, send p2, finish p2, close",
        table.concat(journal.told, ", "))
    end)

    it("sends nothing where that fails", function()
      local journal = journal_of()
      journal.fault = "the disk is full"
      local done = invite(2, client_of(error), { journal = journal })
      assert.equal(EXIT.error, done.exit)
      assert.equal("the disk is full", done.stopped.message)
      assert.equal(2, done.counts.unreached)
    end)

    it("takes back what may be tried again, and leaves open what is not known", function()
      local function told(fields)
        local journal = journal_of()
        invite(2, then_failing(fields), { journal = journal })
        return table.concat(journal.told, ", "):match("finish p1,? ?(.*), close")
      end
      assert.equal("finish p2", told { kind = "validation" })
      assert.equal("retract p2", told { kind = "permission" })
      assert.equal("retract p2", told { kind = "server", retryable = true })
      assert.equal("", (told({ kind = "timeout", outcome = "unknown" }) or ""))
    end)

    it("sends anew to whom an earlier run did not invite, once that is settled", function()
      local doubts = {}
      local done = invite(1, client_of(function(_, in_doubt)
        doubts[#doubts + 1] = in_doubt == true
        if #doubts == 1 then
          return nil, failure { kind = "server", retryable = true }
        end
        return MADE, {}
      end), { journal = journal_of { ["p1@example.com"] = { state = "intent", at = 1 } } })
      assert.same({ true, false }, doubts)
      assert.equal(EXIT.done, done.exit)
    end)

    it("tells from an invitation of its own one that was there before", function()
      local at = os.time { year = 2026, month = 3, day = 4 }
      local function outcome_of(created)
        local invitation = { invitation_id = "i", created_at = created }
        rows = {}
        invite(1, client_of(function(_, in_doubt)
          assert.is_true(in_doubt)
          return invitation, { existing = true, reconciled = true }
        end), { journal = journal_of { ["p1@example.com"] = { state = "intent", at = at } } })
        return rows[1].outcome
      end
      local function day(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", at + seconds) end
      assert.equal("made", outcome_of(day(1)))
      assert.equal("made", outcome_of(day(-30)))
      assert.equal("existing", outcome_of(day(-3600)))
      assert.equal("existing", outcome_of(nil))
    end)
  end)

  it("goes on once the network is back, also where nobody stands in line", function()
    local calls = 0
    local done = invite(40, client_of(function()
      calls = calls + 1
      if calls > 1 and calls < 7 then
        return nil, failure { kind = "server", outcome = "unknown" }
      end
      return MADE, {}
    end), { batch_size = 1 })
    assert.same({ 1 }, waits)
    assert.equal(40, #rows)
    assert.equal(35, done.counts.made)
  end)

  describe("whose network is down", function()
    local exchange = Exchange.each { settle = 0, max_retries = 0 }
    local SETTINGS = { existing = "skip", concurrency = 1, deadline = 120 }

    -- A server that goes away after its first answer.
    local function serve()
      exchange:serve(function(connection)
        connection:read_request()
        if #exchange.server.requests == 1 then
          exchange.server:stop_listening()
        end
        connection:write(api.response(201, api.made(), { "Connection: close" }))
      end)
      return exchange:connect()
    end

    it("waits, tries one person, and goes on when it is back", function()
      local client = serve()
      local done = invite(12, client, {
        settings = SETTINGS,
        wait = function(seconds, err)
          waits[#waits + 1] = seconds
          assert.equal("connection", err.kind)
          if #waits == 2 then
            exchange.server:start_listening()
          end
        end,
      })
      assert.same({ 1, 2 }, waits)
      assert.equal(EXIT.done, done.exit)
      assert.equal(12, done.counts.made)
      assert.equal(12, #exchange.server.requests)
    end)

    it("ends where it does not come back", function()
      local done = invite(12, serve(), { settings = SETTINGS })
      assert.same({ 1, 2, 3 }, waits)
      assert.equal(EXIT.network, done.exit)
      assert.equal(11, done.counts.unreached)
    end)

    it("does not wait where nothing was ever reached, nor where nobody is left", function()
      local client = serve()
      exchange.server:stop_listening()
      assert.equal(EXIT.network, invite(12, client).exit)
      assert.equal(12, #rows)
      local done = invite(6, then_failing { kind = "server", outcome = "unknown" })
      assert.equal(EXIT.unknown, done.exit)
      assert.same({}, waits)
    end)

    it("can be stopped meanwhile", function()
      local counted = tally.new(SETTINGS)
      local done = campaign.new {
        client = serve(), settings = SETTINGS, tally = counted,
        operation = invite_operation(SETTINGS),
        next_person = source_of(12), tell = function() end,
        wait = function() counted:stop { exit = EXIT.interrupted, message = "interrupted" } end,
      }
      done:run_through()
      assert.equal(EXIT.interrupted, counted:exit())
      assert.equal(11, counted.counts.unreached)
    end)
  end)
end)
