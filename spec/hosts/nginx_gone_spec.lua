--- In a real nginx: calls whose caller does not wait for their end. They are cancelled at once,
--- whether it hung up, its light thread was killed or its request ended; with the next call their
--- end is told to on_event, and nothing of them stays.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local eventually = require "spec.support.eventually"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local CALLERS = 5

describe("in nginx, a call", function()
  local stage = Stage.each {
    server = [[
      location = /patient {
        lua_check_client_abort off;
        content_by_lua_block { require("spec.support.site").invite() }
      }
    ]],
  }
  local name

  before_each(function()
    stage:page "/events"
    stage:page "/ends"
    name = stage:client { watched = true }
  end)

  local function wait_for_hang_ups(count)
    stage:run(function()
      return stage.lost >= count
    end)
    assert.equal(count, stage.lost)
  end

  local function start_calls()
    local calls = {}
    for i = 1, CALLERS do
      calls[i] = stage:invite(name, ("person%d@example.com"):format(i))
    end
    stage:wait_for_posts(CALLERS)
    return calls
  end

  -- What the worker holds once as many calls as ever were open at once have been answered.
  local function usual_vitals()
    stage:hold()
    local calls = start_calls()
    stage:release()
    for _, call in ipairs(calls) do
      assert.truthy(stage:finish(call).id)
    end
    stage:reset()
    stage:page "/events"
    return stage.nginx.vitals(stage.nginx:worker())
  end

  local function next_call_is_made()
    stage:reset()
    assert.equal("inv_next", stage:finish(stage:invite(name, "next@example.com")).id)
    assert.equal(1, stage:posts())
  end

  local function nothing_more_than(usual)
    next_call_is_made()
    eventually(function()
      local now = stage.nginx.vitals(stage.nginx:worker())
      return now.descriptors <= usual.descriptors and now.threads <= usual.threads
    end)
    assert.equal(0, stage:page "/collect".held)
  end

  -- So many have ended so, besides one that is made now.
  local function cancelled(count, outcome)
    next_call_is_made()
    local made = 0
    for _, event in ipairs(stage:noted("events", count + 1)) do
      if event.outcome == "made" then
        made = made + 1
      else
        assert.same({ "response", "cancelled", outcome }, { event.name, event.kind, event.outcome })
        count = count - 1
      end
    end
    assert.same({ 1, 0 }, { made, count })
    stage:reset()
  end

  it("whose caller hangs up is cancelled, and its request with it", function()
    local usual = usual_vitals()
    for _ = 1, 4 do
      stage:hold()
      for _, call in ipairs(start_calls()) do
        stage.abort(call)
      end
      wait_for_hang_ups(CALLERS)
      assert.equal(CALLERS, stage:posts())
      cancelled(CALLERS, "unknown")
    end
    nothing_more_than(usual)
  end)

  it("goes on without its caller where nginx is not to look after callers", function()
    stage:hold()
    local call = stage:get("/patient?email=patient@example.com&client=" .. name)
    stage:wait_for_posts(1)
    stage.abort(call)
    stage:ping(20)
    stage:release()
    local ends = stage:noted("events", 1)
    assert.equal("made", ends[1].outcome)
    assert.equal(0, stage.lost)
    assert.equal(1, stage:posts())
  end)

  it("whose caller hangs up while it is in line is never sent", function()
    local single = stage:client { concurrency = 1, watched = true }
    stage:hold()
    local first = stage:invite(single, "first@example.com")
    stage:wait_for_posts(1)
    local second = stage:invite(single, "second@example.com")
    eventually(function()
      for _, event in ipairs(stage:page "/events") do
        if event.name == "wait" then
          return true
        end
      end
    end)
    stage.abort(second)
    local gone = eventually(function()
      stage:page("/turn?client=" .. single)
      for _, event in ipairs(stage:page "/events") do
        if event.done then
          return event
        end
      end
    end)
    assert.same({ "cancelled", "not_sent" }, { gone.kind, gone.outcome })
    stage:release()
    assert.equal("inv_first", stage:finish(first).id)
    assert.equal("inv_third", stage:finish(stage:invite(single, "third@example.com")).id)
    assert.equal(0, stage:posts "second@example.com")
    assert.equal(2, stage:posts())
  end)

  -- A light thread waits for one invitation, its request for another one of another client; that
  -- is answered once the first was sent. So the request goes on with the light thread waiting.
  local function abandon(how)
    local other = stage:client {}
    stage:hold()
    local held = stage.serve
    stage.serve = function(connection, request)
      if request.body:find("other-", 1, true) then
        connection:wait_until(function()
          return stage:posts "person@example.com" > 0
        end)
        return Stage.serve(connection, request)
      end
      return held(connection, request)
    end
    local call = stage:get(("/abandon?how=%s&client=%s&after=%s&email=person@example.com")
      :format(how, name, other))
    stage:finish(call)
    wait_for_hang_ups(1)
    assert.equal(1, stage:posts "person@example.com")
    stage:page("/close?client=" .. other)
    assert.equal("made", stage:noted("events", 1)[1].outcome)
    cancelled(1, "unknown")
    return call
  end

  for _, case in ipairs {
    { how = "kill", what = "whose light thread is killed", status = 200 },
    { how = "exit", what = "whose request ends by ngx.exit", status = 204 },
  } do
    it(case.what .. " is cancelled", function()
      local usual = usual_vitals()
      for _ = 1, 4 do
        assert.equal(case.status, abandon(case.how).status)
      end
      assert.same({}, stage:page "/ends") -- no light thread went on
      nothing_more_than(usual)
    end)
  end

  it("whose client is closed ends with an Error", function()
    stage:hold()
    local calls = start_calls()
    stage:page("/close?client=" .. name)
    for _, call in ipairs(calls) do
      local err = stage:finish(call).error
      assert.equal("cancelled", err.kind)
      assert.equal("CLIENT_CLOSED", err.code)
      assert.equal("unknown", err.outcome)
    end
    wait_for_hang_ups(CALLERS)
    assert.equal(0, stage:page "/collect".held)
    next_call_is_made() -- of a new client with these options
  end)

  it("may lose its caller at any time", function()
    local usual = usual_vitals()
    for i = 1, 80 do
      local email = ("person%d@example.com"):format(i)
      local call = stage:invite(name, email)
      local rounds = 0
      stage:run(function()
        rounds = rounds + 1
        if i % 2 == 0 then
          return stage:posts(email) > 0
        end
        return rounds > i % 15
      end)
      stage.abort(call)
    end
    -- Each job that told of anything tells of its end.
    local open, ended = {}, 0
    eventually(function()
      stage:page("/turn?client=" .. name)
      for _, event in ipairs(stage:page "/events") do
        if event.done then
          open[event.job], ended = nil, ended + 1
        elseif open[event.job] == nil then
          open[event.job] = true
        end
      end
      return not next(open)
    end)
    assert.is_true(ended > 0)
    nothing_more_than(usual)
  end)
end)
