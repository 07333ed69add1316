--- What every driver of an event loop must do, whichever loop it is. The server is in this process
--- and gets its turns between those of the loop, so what happens does not depend on a scheduler.
--- One spec leaves the loop to itself, beside a sandbox.

local hosts = require "spec.support.hosts"

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local cjson = require "cjson"
local usage = require "spec.support.usage"
local sandbox = require "spec.support.sandbox"

local CALLERS = 200

local YIELDS_THROUGH_PCALL = select(2, coroutine.resume(coroutine.create(function()
  return pcall(coroutine.yield, "through")
end))) == "through"

local NO_PCALL = "Lua 5.1 cannot yield through pcall, so a caller cannot catch it"

local function address(number)
  return ("person%d@example.com"):format(number)
end

local function person(email)
  return { organization_id = "org_xyz789", email = email or api.EMAIL, role_id = api.ROLE }
end

-- Makes an invitation whose id is the address.
local function create(connection, request)
  connection:write(api.response(201, api.made(cjson.decode(request.body).email)))
end

local function specs(name, driver)
  local loop, server, clients

  before_each(function()
    loop = hosts[name]()
    clients = {}
  end)

  after_each(function()
    for _, client in ipairs(clients) do
      client:close()
    end
    if server then
      server:close()
      server = nil
    end
    loop.close()
  end)

  -- answer(connection, request), for each request; hangs up where it returns true.
  local function serve(answer)
    server = Server.new(function(connection)
      local request = connection:read_request()
      while request and not answer(connection, request) do
        request = connection:read_request()
      end
    end)
  end

  local function new_client(options)
    local given = { api_key = "ak_test", base_url = server:url(), settle = 0, driver = driver }
    for key, value in pairs(options or {}) do
      given[key] = value
    end
    local client = aitronos.new(given)
    clients[#clients + 1] = client
    return client
  end

  local function until_true(is_done)
    server:run({ { turn = loop.step } }, is_done)
  end

  -- A caller in a coroutine of its own; `call.done` once it has its answer.
  local function start(client, email)
    local call = {}
    loop.spawn(function()
      call.invitation, call.answer = client:try_invite_user(person(email))
      call.done = true
    end)
    return call
  end

  local function all_done(calls)
    return function()
      for _, call in ipairs(calls) do
        if not call.done then
          return false
        end
      end
      return true
    end
  end

  local function finish(...)
    until_true(all_done { ... })
    return ...
  end

  -- Whether this host still serves this client, or a new one.
  local function assert_works(client)
    local call = finish(start(client, "after@example.com"))
    assert.equal("after@example.com", call.invitation and call.invitation.invitation_id)
  end

  it("makes a call", function()
    serve(create)
    local call = finish(start(new_client(), address(1)))
    assert.equal(address(1), call.invitation.invitation_id)
    assert.equal(201, call.answer.status)
    assert.equal(1, server:count("POST"))
  end)

  it("makes one call after another in a coroutine", function()
    serve(create)
    local client = new_client()
    local made = {}
    loop.spawn(function()
      for number = 1, 20 do
        local invitation = client:try_invite_user(person(address(number)))
        made[number] = invitation and invitation.invitation_id
      end
      made.done = true
    end)
    finish(made)
    for number = 1, 20 do
      assert.equal(address(number), made[number])
    end
    assert.equal(1, server.accepted)
  end)

  it("gives each of " .. CALLERS .. " callers of one client its own answer", function()
    serve(create)
    local client = new_client()
    local calls = {}
    for number = 1, CALLERS do
      calls[number] = start(client, address(number))
    end
    until_true(all_done(calls))
    for number, call in ipairs(calls) do
      assert.equal(address(number), call.invitation.invitation_id)
    end
    assert.equal(CALLERS, server:count("POST"))
  end)

  it("lets other coroutines go on while a call waits", function()
    local ticks = 0
    serve(function(connection, request)
      connection:wait_until(function() return ticks >= 100 end)
      create(connection, request)
    end)
    local call = start(new_client())
    local ticker = {}
    loop.spawn(function()
      while not call.done do
        ticks = ticks + 1
        loop.pause()
      end
      ticker.done = true
    end)
    finish(call, ticker)
    assert.truthy(call.invitation)
    assert.is_true(ticks >= 100)
  end)

  local function serve_refusal()
    serve(function(connection)
      connection:write(api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")))
    end)
  end

  it("returns an Error", function()
    serve_refusal()
    local call = finish(start(new_client()))
    assert.is_nil(call.invitation)
    assert.is_true(aitronos.is_error(call.answer))
    assert.equal("permission", call.answer.kind)
    assert.equal("rejected", call.answer.outcome)
  end)

  it("raises an Error", function()
    if not YIELDS_THROUGH_PCALL then
      pending(NO_PCALL)
      return
    end
    serve_refusal()
    local client = new_client()
    local call = {}
    loop.spawn(function()
      call.fine, call.err = pcall(client.invite_user, client, person())
      call.done = true
    end)
    finish(call)
    assert.is_false(call.fine)
    assert.is_true(aitronos.is_error(call.err))
    assert.equal("permission", call.err.kind)
  end)

  it("waits as a 429 asks, and sends again", function()
    serve(function(connection, request)
      if server:count("POST") == 1 then
        connection:write(api.response(429, api.problem("RATE_LIMIT_EXCEEDED"),
          { "Retry-After: 1" }))
      else
        create(connection, request)
      end
    end)
    local call = finish(start(new_client()))
    assert.truthy(call.invitation)
    assert.equal(2, call.answer.attempts)
    assert.is_true(call.answer.elapsed >= 1)
  end)

  it("finds what was made though the server hung up", function()
    serve(function(connection, request)
      if request.method == "POST" then
        return true
      end
      connection:write(api.response(200, api.found()))
    end)
    local call = finish(start(new_client()))
    assert.equal(api.FOUND, call.invitation.invitation_id)
    assert.is_true(call.answer.reconciled)
    assert.equal(1, server:count("POST"))
  end)

  -- Two calls are under way; that to `last` gets its answer when the other has ended.
  local function overtake(last, of_one_client)
    local calls = {}
    serve(function(connection, request)
      local email = cjson.decode(request.body).email
      connection:wait_until(function()
        local other = calls[email == address(1) and 2 or 1]
        return server:count("POST") == 2 and (email ~= last or other.done)
      end)
      create(connection, request)
    end)
    local client = new_client()
    calls[1] = start(client, address(1))
    until_true(function() return server:count("POST") == 1 end)
    calls[2] = start(of_one_client and client or new_client(), address(2))
    finish(calls[1], calls[2])
    assert.equal(address(1), calls[1].invitation.invitation_id)
    assert.equal(address(2), calls[2].invitation.invitation_id)
  end

  it("wakes the caller that began last while the first one waits on", function()
    overtake(address(1), true)
  end)

  it("wakes the caller that began first while the last one waits on", function()
    overtake(address(2), true)
  end)

  it("serves two clients in one loop", function()
    overtake(address(1), false)
  end)

  it("moves on a job that nobody waits for while somebody waits for another", function()
    local job
    serve(function(connection, request)
      if request.method == "GET" then
        connection:write(api.response(200, api.found { email = address(1) }))
        return
      elseif cjson.decode(request.body).email == address(1) then
        return true
      end
      connection:wait_until(function() return job:done() end)
      create(connection, request)
    end)
    local client = new_client()
    job = client:submit(person(address(1)))
    local call = finish(start(client, address(2)))
    assert.equal(api.FOUND, job:result().invitation_id)
    assert.equal(address(2), call.invitation.invitation_id)
  end)

  -- A server that reads and answers nothing, until `release` is set.
  local function serve_held()
    local held = {}
    serve(function(connection, request)
      if cjson.decode(request.body).email:find("^person") then
        connection:wait_until(function() return held.release end)
      end
      create(connection, request)
    end)
    return held
  end

  -- And a list of its calls' last events.
  local function new_recorded_client()
    local ended = {}
    return new_client {
      on_event = function(event)
        if event.done then
          ended[#ended + 1] = event
        end
      end,
    }, ended
  end

  it("waits for a job that was submitted, and wakes where it is cancelled", function()
    serve_held()
    local client = new_client()
    local job = client:submit(person(address(1)))
    local wait = {}
    loop.spawn(function()
      driver.wait(client, job)
      wait.invitation, wait.err = job:try_result()
      wait.done = true
    end)
    until_true(function() return server:count("POST") == 1 end)
    loop.spawn(function()
      job:cancel()
    end)
    finish(wait)
    assert.equal("cancelled", wait.err.kind)
    assert.equal("unknown", wait.err.outcome)
    assert_works(client)
  end)

  it("wakes those whose jobs end in a turn that somebody else makes", function()
    local held = serve_held()
    local client = new_client()
    local jobs, waits = {}, { {}, {} }
    for number, wait in ipairs(waits) do
      jobs[number] = client:submit(person(address(number)))
      loop.spawn(function()
        driver.wait(client, jobs[number])
        wait.done = true
      end)
    end
    until_true(function() return server:count("POST") == 2 end)
    held.release = true
    -- Here the loop stands still.
    server:run({ client }, function() return jobs[1]:done() and jobs[2]:done() end)
    finish(waits[1], waits[2])
  end)

  it("wakes all who wait where the client is closed, and the loop goes on", function()
    serve_held()
    local client = new_client()
    local calls = {}
    for number = 1, 3 do
      calls[number] = start(client, address(number))
    end
    until_true(function() return server:count("POST") == 3 end)
    loop.spawn(function()
      client:close()
    end)
    until_true(all_done(calls))
    for _, call in ipairs(calls) do
      assert.is_nil(call.invitation)
      assert.equal("cancelled", call.answer.kind)
      assert.equal("CLIENT_CLOSED", call.answer.code)
    end
    assert_works(new_client())
  end)

  it("cancels the job of a caller that the loop has dropped", function()
    if loop.cannot_kill then
      pending(loop.cannot_kill)
      return
    end
    serve_held()
    local client, ended = new_recorded_client()
    local call = start(client, address(1))
    until_true(function() return server:count("POST") == 1 end)
    loop = loop.kill()
    assert_works(client)
    assert.is_nil(call.done)
    assert.equal(2, #ended)
    assert.equal("cancelled", ended[1].error.kind)
    assert.equal("made", ended[2].outcome)
  end)

  it("raises in a caller's coroutine what a turn raises", function()
    if not YIELDS_THROUGH_PCALL then
      pending(NO_PCALL)
      return
    end
    local held = serve_held()
    local client, ended = new_recorded_client()
    local call = {}
    loop.spawn(function()
      call.fine, call.err = pcall(client.invite_user, client, person(address(1)))
      call.done = true
    end)
    until_true(function() return server:count("POST") == 1 end)
    client.turn = function()
      error("not enough memory", 0)
    end
    held.release = true
    finish(call)
    assert.is_false(call.fine)
    assert.equal("not enough memory", call.err)
    assert.equal("cancelled", ended[1].error.kind)
    client.turn = nil
    assert_works(client)
  end)

  it("leaves no descriptor and no thread behind", function()
    serve(create)
    usage.assert_steady(function()
      local inner = hosts[name]()
      loop = inner
      local client = new_client()
      finish(start(client, address(1)), start(client, address(2)))
      client:close()
      clients = {} -- a closed one keeps its descriptor until it is collected
      inner.close()
    end)
    loop = hosts[name]()
  end)

  it("serves the next client on the descriptor that a collected one had", function()
    serve(create)
    local seen, repeated = {}, false

    local function round(number)
      local client = new_client()
      local fd = client:fd()
      repeated = repeated or seen[fd]
      seen[fd] = true
      local invitation = client:try_invite_user(person(address(number)))
      client:close()
      clients = {}
      return invitation ~= nil
    end

    local rounds = {}
    loop.spawn(function()
      for number = 1, 30 do
        rounds[number] = round(number)
        collectgarbage()
        collectgarbage()
      end
      rounds.done = true
    end)
    finish(rounds)
    for number = 1, 30 do
      assert.is_true(rounds[number])
    end
    assert.is_true(repeated)
  end)

  it("is woken by the descriptor alone", function()
    local box = sandbox.start()
    finally(box.stop)
    local client = aitronos.new {
      api_key = "sandbox_unlimited",
      base_url = box.base_url,
      driver = driver,
    }
    clients[1] = client
    local calls = {}
    for number = 1, CALLERS do
      calls[number] = start(client, address(number))
    end
    loop.run()
    for _, call in ipairs(calls) do
      assert.truthy(call.invitation, tostring(call.answer))
    end
    local posts = cjson.decode(box.get("/_sandbox/requests")).posts
    for number = 1, CALLERS do
      assert.equal(1, posts[address(number)])
    end
  end)
end

for _, name in ipairs { "cqueues", "luv", "copas" } do
  describe("the driver " .. name, function()
    if hosts.missing[name] then
      it("waits", function() pending(hosts.missing[name]) end)
    else
      specs(name, require("aitronos.driver." .. name))
    end
  end)
end
