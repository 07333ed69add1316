--- Calls in a real nginx with one worker: many at once, of several clients, and what becomes of
--- their Errors.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local api = require "spec.support.api"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local CALLERS = 200

describe("in nginx", function()
  local stage = Stage.each()

  -- Starts so many calls; returns what waits until each got the answer that is its own.
  local function invite_many(name, count)
    local calls = {}
    for i = 1, count do
      calls[i] = stage:invite(name, ("person%d@example.com"):format(i))
    end
    return function()
      for i, call in ipairs(calls) do
        assert.equal("inv_person" .. i, stage:finish(call).id)
      end
      assert.equal(count, stage:posts())
    end
  end

  it(CALLERS .. " callers wait at once, and each gets its own answer", function()
    local name = stage:client { concurrency = CALLERS }
    stage:hold()
    local each_is_answered = invite_many(name, CALLERS)
    stage:wait_for_posts(CALLERS)
    stage:ping(20)
    stage:release()
    each_is_answered()
  end)

  it(CALLERS .. " callers share the few requests that may be in flight", function()
    local name = stage:client { concurrency = 16 }
    local in_flight, most = 0, 0
    stage.serve = function(connection, request)
      in_flight = in_flight + 1
      most = math.max(most, in_flight)
      connection:pause()
      in_flight = in_flight - 1
      return Stage.serve(connection, request)
    end
    invite_many(name, CALLERS)()
    assert.is_true(most <= 16, most)
  end)

  it("several clients in one worker keep their calls apart", function()
    local clients, server = {}, {}
    for i = 1, 3 do
      server[i] = stage:add_server(function(connection)
        local request = connection:read_request()
        while request do
          assert.equal("key" .. i, request.headers["x-api-key"])
          connection:pause()
          connection:write(Stage.made(request))
          request = connection:read_request()
        end
      end)
      clients[i] = stage:client { api_key = "key" .. i, base_url = server[i]:url() }
    end
    local calls = {}
    for i = 1, 60 do
      local email = ("client%d-%d@example.com"):format(i % 3 + 1, i)
      calls[i] = stage:invite(clients[i % 3 + 1], email)
    end
    for i, call in ipairs(calls) do
      assert.equal(("inv_client%d-%d"):format(i % 3 + 1, i), stage:finish(call).id)
    end
    for i = 1, 3 do
      assert.equal(20, server[i]:count "POST")
      server[i]:close()
    end
  end)

  it("light threads of one request wait side by side", function()
    local name = stage:client {}
    stage:hold()
    local call = stage:get("/many?n=3&threads=3&client=" .. name)
    stage:wait_for_posts(3)
    stage:release()
    assert.equal(3, stage:finish(call).made)
  end)

  describe("an Error", function()
    local function refuse()
      stage.serve = function(connection)
        return connection:write(api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")))
      end
    end

    it("is returned by try_invite_user", function()
      refuse()
      local answer = stage:finish(stage:invite(stage:client {}, "who@example.com"))
      assert.equal("permission", answer.error.kind)
      assert.equal("rejected", answer.error.outcome)
      assert.equal(403, answer.error.status)
      assert.equal("permission: Not this time. (INSUFFICIENT_PERMISSIONS, HTTP 403,"
        .. " trace abc-123-def)", answer.text)
    end)

    it("can be caught", function()
      refuse()
      local answer = stage:page("/caught?email=who@example.com&client=" .. stage:client {})
      assert.is_true(answer.caught)
      assert.equal("permission: ", answer.text:sub(1, 12))
    end)

    it("that nobody catches is a 500, and nginx logs no more than that", function()
      refuse()
      stage.nginx:expect "runtime error: unknown reason"
      local call = stage:get("/uncaught?email=who@example.com&client=" .. stage:client {})
      stage:finish(call)
      assert.equal(500, call.status)
      stage:ping(1)
    end)

    it("about a shared dictionary that is not there names the option", function()
      local name = stage:client { rate = 60, rate_dict = "nowhere" }
      local answer = stage:page("/caught?email=who@example.com&client=" .. name)
      assert.is_true(answer.caught)
      assert.truthy(answer.text:find("^config: rate_dict: "), answer.text)
      assert.equal(0, stage:posts())
    end)

    it("about params is raised before anything waits", function()
      local answer = stage:page("/caught?email=nobody&client=" .. stage:client {})
      assert.is_true(answer.caught)
      assert.equal("argument: ", answer.text:sub(1, 10))
      assert.equal(0, stage:posts())
    end)
  end)
end)

describe("in nginx, where no further timer is to be had", function()
  local stage

  setup(function()
    stage = Stage.start { http = "lua_max_pending_timers 0;" }
  end)

  teardown(function()
    stage:stop()
  end)

  it("a job that nobody waits for is cancelled, and calls are made as ever", function()
    local name = stage:client {}
    stage:page(("/submit?email=unattended@example.com&client=%s"):format(name))
    local ended = stage:noted("events", 1)[1]
    assert.equal("cancelled", ended.kind)
    assert.equal("not_sent", ended.outcome)
    assert.equal("inv_after", stage:finish(stage:invite(name, "after@example.com")).id)
    assert.equal(1, stage:posts())
  end)
end)
