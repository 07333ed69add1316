--- Many invitations in one loop: what comes out of it, how far it reads ahead, how many requests it
--- has under way, and what is left when it is left.

local Exchange = require "spec.support.exchange"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local cjson = require "cjson"

local CLOSES_AT_ONCE = _VERSION == "Lua 5.4"

local function address(number)
  return ("person%d@example.com"):format(number)
end

local function person(number)
  return { organization_id = "org_xyz789", email = address(number), role_id = api.ROLE }
end

-- So many people, and how many of them were read.
local function people(count)
  local reading = { read = 0 }
  function reading.source()
    if reading.read < count then
      reading.read = reading.read + 1
      return person(reading.read)
    end
  end
  return reading
end

local function email_of(request)
  return cjson.decode(request.body).email
end

local function raised(f, ...)
  local fine, err = pcall(f, ...)
  assert.is_false(fine)
  return err
end

describe("invite_users", function()
  local exchange = Exchange.each { settle = 0 }

  -- answer(connection, request) for each request; `under_way` counts those without an answer.
  local function serve(answer)
    local server = { under_way = 0, most = 0 }
    exchange:serve(function(connection)
      local request = connection:read_request()
      while request do
        server.under_way = server.under_way + 1
        server.most = math.max(server.most, server.under_way)
        answer(connection, request)
        server.under_way = server.under_way - 1
        request = connection:read_request()
      end
    end)
    return server
  end

  local function make(connection, request)
    connection:write(api.response(201, api.made("inv_" .. email_of(request))))
  end

  -- Answers so many, and no other until `release`.
  local function serve_first(count)
    local held = true
    local server = serve(function(connection, request)
      local number = #exchange.server.requests
      connection:wait_until(function()
        return not held or number <= count
      end)
      make(connection, request)
    end)
    function server.release()
      held = false
    end
    return server
  end

  local function numbers(run)
    local list = {}
    for outcome in run do
      list[#list + 1] = outcome.index
    end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("tells the outcome of each, with its place and its params", function()
    serve(make)
    local client = exchange:connect()
    local list = { person(1), person(2), person(3) }
    local seen = {}
    for outcome in client:invite_users(list) do
      assert.equal(list[outcome.index], outcome.params)
      assert.equal("inv_" .. outcome.params.email, outcome.invitation.invitation_id)
      assert.equal(201, outcome.response.status)
      assert.is_nil(outcome.error)
      seen[outcome.index] = true
    end
    assert.same({ true, true, true }, seen)
  end)

  it("ends at once where there is nobody", function()
    serve(make)
    local client = exchange:connect()
    assert.equal("", numbers(client:invite_users {}))
    local run = client:invite_users(function() end)
    assert.is_nil(run())
    assert.is_nil(run())
    assert.equal(0, #exchange.server.requests)
  end)

  it("goes on where one fails, whoever refuses it", function()
    serve(function(connection, request)
      if email_of(request) == address(2) then
        return connection:write(api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")))
      end
      make(connection, request)
    end)
    local client = exchange:connect()
    local list = { person(1), person(2), { email = "nobody" }, "no table", person(5) }
    local codes = {}
    for outcome in client:invite_users(list) do
      assert.is_true(outcome.error == nil or aitronos.is_error(outcome.error))
      assert.equal(outcome.error == nil, outcome.invitation ~= nil)
      codes[outcome.index] = outcome.error and outcome.error.code or "made"
    end
    assert.same({ "made", "INSUFFICIENT_PERMISSIONS", "INVALID_ARGUMENT", "INVALID_ARGUMENT",
      "made" }, codes)
    assert.equal(3, exchange.server:count "POST")
  end)

  it("reads no further than its window, and keeps that full", function()
    local server = serve_first(1)
    local client = exchange:connect { concurrency = 2 }
    local reading = people(20)
    local run = client:invite_users(reading.source, { concurrency = 5 })
    assert.equal(0, reading.read)
    assert.equal(1, run().index)

    -- The driver waits for an outcome; the server answers once all that fit are there.
    local full
    exchange.server:when(function()
      return server.under_way == 5
    end, function()
      full = reading.read
      server.release()
    end)
    local count = 1
    for _ in run do
      count = count + 1
      assert.is_true(reading.read <= count + 5, "read " .. reading.read .. " after " .. count)
    end
    assert.equal(6, full)
    assert.equal(20, count)
    assert.equal(5, server.most)
  end)

  it("sends on before it has told all that came at once", function()
    local WINDOW = 8
    local server, reading
    server = serve(function(connection, request)
      -- All of a window at once, but the first one alone.
      local number = #exchange.server.requests
      local last = number == 1 and 1 or math.ceil((number - 1) / WINDOW) * WINDOW + 1
      connection:wait_until(function()
        return #exchange.server.requests >= last
      end)
      make(connection, request)
    end)
    reading = people(1 + 4 * WINDOW)
    local told_in_a_row, most = 0, 0
    local client = exchange:connect {
      on_event = function(event)
        if event.name == "request" then
          told_in_a_row = 0
        end
      end,
    }
    for _ in client:invite_users(reading.source, { concurrency = WINDOW }) do
      if reading.read < 1 + 4 * WINDOW then
        told_in_a_row = told_in_a_row + 1
        most = math.max(most, told_in_a_row)
      end
    end
    assert.equal(WINDOW, server.most)
    assert.is_true(most <= WINDOW / 4, most .. " told in a row")
  end)

  it("sends the first one alone until it is answered", function()
    local reading = people(20)
    local server, read
    server = serve(function(connection, request)
      read = read or reading.read
      connection:wait_until(function()
        return email_of(request) == address(1) or server.most == 5
      end)
      make(connection, request)
    end)
    for _ in exchange:connect():invite_users(reading.source, { concurrency = 5 }) do
      assert.equal(1, read)
    end
  end)

  it("tells what became of the first one before it reads on", function()
    serve(function(connection)
      connection:write(api.response(401, api.problem("INVALID_API_KEY")))
    end)
    local reading = people(20)
    local run = exchange:connect():invite_users(reading.source)
    assert.equal("authentication", run().error.kind)
    assert.equal(1, reading.read)
    assert.equal(1, #exchange.server.requests)
  end)

  it("does not wait while the first one waits to be looked up", function()
    local server
    server = serve(function(connection, request)
      if request.method == "GET" then
        return connection:write(api.ABSENT)
      elseif email_of(request) == address(1) then
        return connection:write(api.response(500, ""))
      end
      connection:wait_until(function()
        return server.most == 3
      end)
      make(connection, request)
    end)
    local client = exchange:connect { settle = 600, deadline = 1200, concurrency = 3 }
    local run = client:invite_users(people(4).source)
    for _ = 1, 3 do
      assert.is_true(run().index > 1)
    end
  end)

  it("gives the client its own concurrency back", function()
    local server
    server = serve(function(connection, request)
      connection:wait_until(function()
        return email_of(request) == address(1) or server.most == 3
      end)
      make(connection, request)
    end)
    local client = exchange:connect { concurrency = 1 }
    assert.equal("1 2 3 4", numbers(client:invite_users(people(4).source, { concurrency = 3 })))
    local first, second = client:submit(person(5)), client:submit(person(6))
    client:turn()
    assert.equal("in flight", (first:state()))
    assert.equal("queued", (second:state()))
  end)

  it("lets others have the place of one that is looked up for a while", function()
    local others_made = 0
    serve(function(connection, request)
      if request.method == "GET" then
        -- Nothing to find, until all others are made: only then is it over.
        if others_made < 4 then
          return connection:write(api.ABSENT)
        end
        return connection:write(api.response(200, api.found { email = address(1) }))
      elseif email_of(request) == address(1) then
        return connection:write(api.response(500, ""))
      end
      others_made = others_made + 1
      make(connection, request)
    end)
    local client = exchange:connect { settle = 600, deadline = 1200, concurrency = 1 }
    local order = {}
    for outcome in client:invite_users(people(5).source) do
      assert.is_nil(outcome.error)
      order[#order + 1] = outcome.index
      if #order == 4 then
        break
      end
    end
    assert.same({ 2, 3, 4, 5 }, order)
  end)

  it("takes up no more than so many of those", function()
    serve(function(connection, request)
      if request.method == "GET" then
        return connection:write(api.ABSENT)
      end
      connection:write(api.response(500, ""))
    end)
    local client = exchange:connect { settle = 600, deadline = 1200, concurrency = 2 }
    local reading = people(1000)
    local run = client:invite_users(reading.source)
    exchange.server:when(function()
      return exchange.server:count "GET" >= 32
    end, function()
      client:close()
    end)
    local outcome = run()
    assert.equal("CLIENT_CLOSED", outcome.error.code)
    assert.equal("unknown", outcome.error.outcome)
    assert.equal(32, reading.read)
  end)

  it("leaves nothing running when the loop is left", function()
    local server = serve_first(2)
    local ends = {}
    local client = exchange:connect {
      concurrency = 3,
      on_event = function(event)
        if event.done then
          ends[#ends + 1] = event.error and event.error.code or "made"
        end
      end,
    }
    local reading = people(10)
    do
      local run, _, _, closing = client:invite_users(reading.source)
      assert.equal(run, closing)
      local outcomes = 0
      for _ in run, nil, nil, closing do
        outcomes = outcomes + 1
        if outcomes == 2 then
          break
        end
      end
      if not CLOSES_AT_ONCE then
        run:close()
      end
      assert.is_nil(run())
    end
    server.release()
    exchange:run(function()
      return server.under_way == 0
    end)
    client:turn()
    assert.equal(4, reading.read)
    assert.is_true(#exchange.server.requests <= 4)
    assert.same({ "made", "made", "CANCELLED", "CANCELLED" }, ends)
  end)

  it("ends what is open once the collector finds it gone", function()
    serve(function(connection, request)
      if email_of(request) == address(1) then
        return make(connection, request)
      end
      connection:hang()
    end)
    local cancelled = 0
    local client = exchange:connect {
      on_event = function(event)
        cancelled = cancelled + (event.done and event.outcome == "unknown" and 1 or 0)
      end,
    }
    local function begin()
      local run = client:invite_users(people(4).source)
      assert.equal(1, run().index)
      local waits = 0
      local driver_wait = client.driver.wait
      client.driver.wait = function()
        exchange:run(function()
          return exchange.server:count "POST" == 4
        end)
        client.driver.wait = driver_wait
        waits = waits + 1
        error("enough", 0)
      end
      assert.equal("enough", raised(run))
      assert.equal(1, waits)
      return run
    end
    local kept = { begin() }
    assert.equal(0, cancelled)
    assert.truthy(table.remove(kept))
    collectgarbage()
    collectgarbage()
    assert.equal(3, cancelled)
  end)

  it("can be stopped: what was sent is answered, and nothing more is sent", function()
    local server = serve_first(1)
    local client = exchange:connect { concurrency = 2 }
    local reading = people(10)
    local run = client:invite_users(reading.source)
    assert.equal(1, run().index)
    client:submit(person(100))
    exchange.server:when(function()
      return exchange.server:count "POST" == 3
    end, function()
      run:stop()
      server.release()
    end)
    local made, cancelled = 1, 0
    for outcome in run do
      if outcome.invitation then
        made = made + 1
      else
        assert.equal("not_sent", outcome.error.outcome)
        assert.equal("cancelled", outcome.error.kind)
        cancelled = cancelled + 1
      end
    end
    assert.equal(reading.read, made + cancelled)
    assert.equal(3, reading.read)
    assert.equal(1, cancelled)
  end)

  it("tells how far it is", function()
    serve(make)
    local client = exchange:connect { concurrency = 2 }
    local list, told = { person(1), person(2), "none", person(4) }, {}
    local run = client:invite_users(list, {
      on_progress = function(progress)
        told[#told + 1] = { progress.finished, progress.failed }
        assert.is_true(progress.read >= progress.finished + progress.open)
        assert.is_true(progress.open <= 2 and progress.waiting == 0)
      end,
    })
    for outcome in run do
      local last = told[#told]
      assert.is_true(last[1] == #told and last[2] <= 1, outcome.index)
    end
    assert.same({ 4, 1 }, told[4])
    assert.is_nil(told[5])
  end)

  it("refuses what it cannot work with, and names it", function()
    serve(make)
    local client = exchange:connect()
    for message, given in pairs {
      ["source: must be a list or a function, not nil"] = {},
      ["source: must be a list or a function, not string"] = { "people.csv" },
      ["options: must be a table, not number"] = { {}, 5 },
      ["concurrency: must be a whole number from 1 to 10000"] = { {}, { concurrency = 0 } },
      ["on_progress: must be a function, not boolean"] = { {}, { on_progress = true } },
      ["window: is not an option of this call"] = { {}, { window = 1 } },
    } do
      local err = raised(client.invite_users, client, given[1], given[2])
      assert.equal("argument", err.kind)
      assert.truthy(err.message:find(message, 1, true), err.message)
    end
    assert.truthy(raised(client.invite_users).message:find("with a colon", 1, true))
  end)

  it("raises once the client is closed", function()
    serve(make)
    local client = exchange:connect()
    local run = client:invite_users(people(3).source)
    client:close()
    assert.equal("CLIENT_CLOSED", raised(run).code)
    assert.is_nil(run())
  end)

  it("tells first what has ended, where the client is closed meanwhile", function()
    local WINDOW = 8
    serve(function(connection, request)
      -- But for the first one, all at once.
      local number = #exchange.server.requests
      connection:wait_until(function()
        return number == 1 or #exchange.server.requests > WINDOW
      end)
      make(connection, request)
    end)
    local client = exchange:connect()
    local run = client:invite_users(people(40).source, { concurrency = WINDOW })
    local told = { made = 0, cancelled = 0 }
    local function take(outcome)
      local how = outcome.invitation and "made" or outcome.error.kind
      told[how] = told[how] + 1
      return told[how]
    end
    assert.equal(1, take(run()))
    assert.equal(2, take(run()))
    client:close()
    local err
    repeat
      local fine, outcome = pcall(run)
      err = not fine and outcome
    until err or not take(outcome)
    assert.equal("CLIENT_CLOSED", err.code)
    assert.is_nil(run())
    assert.equal(#exchange.server.requests, told.made + told.cancelled)
  end)

  it("raises what the source raises, and can be asked again", function()
    serve(make)
    local client = exchange:connect()
    local asked = 0
    local run = client:invite_users(function()
      asked = asked + 1
      if asked == 2 then
        error("cannot read on", 0)
      end
      return asked <= 3 and person(asked) or nil
    end)
    assert.equal(1, run().index)
    assert.equal("cannot read on", raised(run))
    assert.equal("2", numbers(run))
  end)

  describe("of one that an earlier process may have sent", function()
    local function again()
      local given = false
      return function()
        if not given then
          given = true
          return api.PARAMS, true
        end
      end
    end

    it("finds what was made", function()
      exchange:answer({}, { api.response(200, api.found()) })
      local outcome = exchange:connect():invite_users(again())()
      assert.equal(api.FOUND, outcome.invitation.invitation_id)
      assert.is_true(outcome.response.reconciled)
      assert.equal(0, outcome.response.attempts)
      assert.equal("GET", exchange:methods())
    end)

    it("sends it where there is none, whatever the retries", function()
      exchange:answer({ api.CREATED }, { api.ABSENT })
      local outcome = exchange:connect { max_retries = 0 }:invite_users(again())()
      assert.equal(api.INVITATION, outcome.invitation.invitation_id)
      assert.equal(1, outcome.response.attempts)
      assert.equal("GET POST", exchange:methods())
    end)

    it("sends so many as there are, whatever the client's budget of retries #bulk", function()
      local MANY = 110
      exchange:serve(function(connection)
        local request = connection:read_request()
        while request do
          if request.method == "GET" then
            connection:write(api.ABSENT)
          else -- all but the first must get by without what a success gives back
            connection:wait_until(function()
              return email_of(request) == address(1) or exchange.server:count("POST") >= MANY
            end)
            connection:write(api.response(201, api.made()))
          end
          request = connection:read_request()
        end
      end)
      local given, made = 0, 0
      local function source()
        given = given + 1
        if given <= MANY then
          return person(given), true
        end
      end
      local client = exchange:connect { timeout = 600, deadline = 1200 }
      for outcome in client:invite_users(source, { concurrency = MANY }) do
        made = made + (outcome.invitation and 1 or 0)
      end
      assert.equal(MANY, made)
    end)

    it("sends it once at most", function()
      exchange:answer({ api.response(500, "") }, { api.ABSENT })
      local outcome = exchange:connect { max_retries = 5 }:invite_users(again())()
      assert.equal("rejected", outcome.error.outcome)
      assert.equal("GET POST GET", exchange:methods())
    end)

    it("says so where it cannot be found out", function()
      exchange:answer({}, { api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")) })
      local err = exchange:connect():invite_users(again())().error
      assert.equal("EARLIER_RUN_INTERRUPTED", err.code)
      assert.equal("connection", err.kind)
      assert.equal("unknown", err.outcome)
      assert.is_false(err.retryable)
    end)

    it("is in doubt without reconcile, and not sent", function()
      exchange:answer({}, {})
      local err = exchange:connect({ reconcile = false }):invite_users(again())().error
      assert.equal("EARLIER_RUN_INTERRUPTED", err.code)
      assert.equal("unknown", err.outcome)
      assert.equal(0, #exchange.server.requests)
    end)
  end)
end)
