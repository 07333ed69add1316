--- on_event, and how a client holds itself back.
local aitronos = require "aitronos"
local all_done = require "spec.support.all_done"
local api = require "spec.support.api"
local process = require "spec.support.process"
local Server = require "spec.support.server"

-- Answers with each of these in turn, the last one for ever.
local function answering(answers)
  local n = 0
  return function(connection)
    while connection:read_request() do
      n = n + 1
      connection:write(answers[math.min(n, #answers)])
    end
  end
end

local function names(events)
  local list = {}
  for i, event in ipairs(events) do
    list[i] = event.name .. (event.look_up and " look_up" or "")
  end
  return table.concat(list, ", ")
end

describe("on_event", function()
  local server, client, events

  local function serve(answers, options)
    events = {}
    server = Server.new(answering(answers))
    local given = {
      api_key = "canary_1234567890",
      base_url = server:url(),
      driver = server:driver(),
      settle = 0,
      on_event = function(event)
        events[#events + 1] = event
      end,
    }
    for key, value in pairs(options or {}) do
      given[key] = value
    end
    client = aitronos.new(given)
  end

  after_each(function()
    client:close()
    server:close()
  end)

  it("tells of the request and of the response", function()
    serve { api.response(201, api.made(), { "x-request-id: req_1" }) }
    client:invite_user(api.PARAMS)
    assert.equal("request, response", names(events))
    local request, response = events[1], events[2]
    assert.equal("invite_user", request.operation)
    assert.equal(1, request.attempt)
    assert.is_false(request.look_up)
    assert.equal(201, response.status)
    assert.equal("req_1", response.request_id)
    assert.equal(request.job, response.job)
    assert.is_true(response.elapsed >= request.elapsed)
    assert.is_nil(response.failure)
  end)

  it("tells why and after how long it tries again", function()
    serve { api.response(429, api.problem("SLOW_DOWN"), { "Retry-After: 0" }), api.CREATED }
    client:invite_user(api.PARAMS)
    assert.equal("request, response, retry, request, response", names(events))
    assert.equal("http_429", events[3].reason)
    assert.is_true(events[3].delay >= 0)
    assert.equal(2, events[4].attempt)
  end)

  it("tells when it looks up, and what for", function()
    serve { api.response(500, "{}"), api.response(200, api.found()) }
    local _, response = client:invite_user(api.PARAMS)
    assert.is_true(response.reconciled)
    assert.equal("request, response, reconcile look_up, request look_up, response look_up",
      names(events))
    assert.equal("http_500", events[3].reason)
    assert.equal(0, events[3].delay)
    assert.equal(1, events[5].attempt)
  end)

  it("tells what failed", function()
    serve({ "nonsense\r\n\r\n" }, { reconcile = false })
    local nothing, err = client:try_invite_user(api.PARAMS)
    assert.is_nil(nothing)
    assert.equal("unknown", err.outcome)
    assert.equal("not_http", events[2].failure)
    assert.is_nil(events[2].status)
  end)

  it("is never shown a credential, nor what lets its reader join", function()
    serve {
      api.response(401, api.problem("INVALID_API_KEY", "canary_1234567890"),
        { "x-request-id: canary_1234567890" }),
      api.CREATED,
    }
    client:try_invite_user(api.PARAMS)
    client:invite_user(api.PARAMS)
    for _, event in ipairs(events) do
      for _, value in pairs(event) do
        assert.is_nil(tostring(value):find("canary", 1, true))
        assert.is_nil(tostring(value):find("uuid-secret", 1, true))
      end
    end
  end)

  it("can raise without harm", function()
    local called = 0
    serve({ api.CREATED }, {
      on_event = function()
        called = called + 1
        error(setmetatable({}, { __tostring = error }))
      end,
    })
    assert.equal(api.INVITATION, client:invite_user(api.PARAMS).invitation_id)
    assert.equal(2, called)
  end)

  it("may submit and cancel, but neither turn nor close", function()
    local told, second
    local refused = {}
    serve({ api.CREATED }, {
      on_event = function()
        if told then
          return
        end
        told = true
        second = client:submit(api.PARAMS)
        client:submit(api.PARAMS):cancel()
        for _, method in ipairs { "turn", "close" } do
          local _, err = pcall(client[method], client)
          refused[method] = err
        end
      end,
    })
    client:invite_user(api.PARAMS)
    assert.equal("argument", refused.turn.kind)
    assert.equal("argument", refused.close.kind)
    assert.equal("on_event", refused.close.details[1].field)
    Server.run_all({ server }, { client }, function()
      return second:done()
    end)
    assert.equal(api.INVITATION, second:result().invitation_id)
    assert.equal(2, server:count "POST")
  end)

  it("may cancel the job that it is told of", function()
    local job
    serve({ api.response(429, "{}", { "Retry-After: 0" }), api.CREATED }, {
      on_event = function(event)
        if event.name == "retry" then
          job:cancel()
        end
      end,
    })
    job = client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return job:done()
    end)
    local _, err = job:try_result()
    assert.equal("cancelled", err.kind)
    assert.equal("rejected", err.outcome)
    assert.equal(1, server:count "POST")
  end)

  it("hears that the client waits for its own rate", function()
    serve({ api.CREATED }, { rate = 1200 })
    local jobs = {}
    for i = 1, 3 do
      jobs[i] = client:submit(api.PARAMS)
    end
    Server.run_all({ server }, { client }, function()
      return jobs[3]:done()
    end)
    local waits, requests = {}, {}
    for _, event in ipairs(events) do
      local list = event.name == "wait" and waits or event.name == "request" and requests or {}
      list[#list + 1] = event
    end
    assert.equal(2, #waits)
    assert.equal("rate", waits[1].reason)
    assert.is_true(waits[1].delay > 0 and waits[1].delay <= 0.05)
    -- The third was submitted before the first could leave, and two steps of 50 ms lie between
    -- these, less what the core loses in whole milliseconds.
    assert.is_true(requests[3].elapsed >= 0.097)
  end)

  it("hears of the server's allowance, and of a full house", function()
    -- One a minute: no machine is so slow that nothing would have to wait.
    serve({
      api.response(201, api.made(), {
        "X-RateLimit-Limit: 1", "X-RateLimit-Remaining: 0",
      }),
    }, { concurrency = 1 })
    client:submit(api.PARAMS)
    local second = client:submit(api.PARAMS)
    local reasons
    Server.run_all({ server }, { client }, function()
      reasons = {}
      for _, event in ipairs(events) do
        if event.name == "wait" then
          reasons[#reasons + 1] = event.reason
        end
      end
      return #reasons == 2 or second:done()
    end)
    assert.same({ "concurrency", "allowance" }, reasons)
    assert.equal(1, server:count "POST")
  end)
end)

describe("a 429", function()
  it("pauses every job of the client, and one probe goes before the rest", function()
    local refused, probed, answered, early = false, false, false, false
    local server = Server.new(function(connection)
      while connection:read_request() do
        if not refused then
          refused = true
          connection:write(api.response(429, api.problem("SLOW_DOWN"), { "Retry-After: 1" }))
        elseif not probed then
          probed = true
          for _ = 1, 20 do
            connection:pause() -- time enough for others to come before their time
          end
          answered = true
          connection:write(api.CREATED)
        else
          early = early or not answered
          connection:write(api.CREATED)
        end
      end
    end)
    local heard = false
    local client = aitronos.new {
      api_key = "k",
      base_url = server:url(),
      concurrency = 4,
      on_event = function(event)
        heard = heard or event.name == "retry"
      end,
    }
    local first = client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return heard
    end)
    local jobs = { first }
    for i = 2, 6 do
      jobs[i] = client:submit(api.PARAMS)
    end
    Server.run_all({ server }, { client }, all_done(jobs))
    for _, job in ipairs(jobs) do
      assert.equal(api.INVITATION, job:result().invitation_id)
    end
    client:close()
    server:close()
    assert.is_false(early)
    assert.equal(#jobs + 1, server:count "POST")
  end)

  it("that asks for more time than a call has ends the calls that wait, at once", function()
    local server = Server.new(answering {
      api.response(429, api.problem("DAILY_LIMIT"), { "Retry-After: 3600" }),
    })
    local client = aitronos.new {
      api_key = "k", base_url = server:url(), driver = server:driver(),
    }
    local _, told = client:try_invite_user(api.PARAMS)
    assert.equal("rate_limit", told.kind)
    assert.equal("DAILY_LIMIT", told.code)
    assert.equal("rejected", told.outcome)
    assert.equal(3600, told.retry_after)
    assert.is_true(told.retryable)

    local _, held = client:try_invite_user(api.PARAMS)
    assert.equal("rate_limit", held.kind)
    assert.equal("CLIENT_PAUSED", held.code)
    assert.equal("not_sent", held.outcome)
    assert.equal(0, held.attempts)
    assert.is_true(held.retryable)
    assert.is_true(held.retry_after > 3500 and held.retry_after <= 3600)
    assert.equal(1, server:count "POST")
    client:close()
    server:close()
  end)
end)

describe("the first wait before a retry", function()
  it("differs between processes that start alike", function()
    local SCRIPT = [[
      local client = require("aitronos").new {
        api_key = "k",
        base_url = "http://127.0.0.1:1",
        max_retries = 1,
        on_event = function(event)
          if event.name == "retry" then
            print(("%.3f"):format(event.delay))
          end
        end,
      }
      client:try_invite_user { organization_id = "org_1", email = "a@b", role_id = "r" }
    ]]
    local delays, different = {}, false
    -- By chance two may be alike, and on a slow machine little may be left of each.
    while not different and #delays < 20 do
      local _, printed = process.start_script(SCRIPT):finish()
      local delay = tonumber(printed)
      assert.is_true(delay >= 0 and delay < 0.5)
      delays[#delays + 1] = delay
      different = delay ~= delays[1]
    end
    assert.is_true(different)
  end)
end)
