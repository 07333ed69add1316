--- In a real nginx: where a client may be made, where a call may wait, and what it says where it
--- may not.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local eventually = require "spec.support.eventually"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local HTTP = [[
  init_by_lua_block {
    local site = require "spec.support.site"
    site.keep("of_init", site.new_client("of_init", { base_url = "@UPSTREAM@" }))
    site.try_in("init", "of_init")
  }
  init_worker_by_lua_block {
    local site = require "spec.support.site"
    site.keep("of_worker", site.new_client("of_worker", { base_url = "@UPSTREAM@" }))
    site.try_in("init_worker", "of_worker")
    ngx.timer.at(0, function() site.invite_in("timer", "of_worker") end)
  }
  exit_worker_by_lua_block {
    require("spec.support.site").try_in("exit_worker", "of_worker")
  }
  upstream balanced {
    server 0.0.0.1;
    balancer_by_lua_block {
      require("spec.support.site").try_in("balancer", "of_init")
      require("ngx.balancer").set_current_peer("127.0.0.1", @PORT@)
    }
  }
]]

local SERVER = [[
  location = /in/set {
    set_by_lua_block $set { require("spec.support.site").try_in("set", "of_init") }
    return 200 "{}";
  }
  location = /in/header_filter {
    return 200 "{}";
    header_filter_by_lua_block { require("spec.support.site").try_in("header_filter", "of_init") }
  }
  location = /in/body_filter {
    return 200 "{}";
    body_filter_by_lua_block {
      if not ngx.ctx.tried then
        ngx.ctx.tried = true
        require("spec.support.site").try_in("body_filter", "of_init")
      end
    }
  }
  location = /in/log {
    return 200 "{}";
    log_by_lua_block { require("spec.support.site").try_in("log", "of_init") }
  }
  location = /in/balancer {
    proxy_pass http://balanced/ping;
  }
  location = /in/rewrite {
    rewrite_by_lua_block { require("spec.support.site").invite_in("rewrite", "of_init") }
    content_by_lua_block { ngx.print("{}") }
  }
  location = /in/access {
    access_by_lua_block { require("spec.support.site").invite_in("access", "of_init") }
    content_by_lua_block { ngx.print("{}") }
  }
]]

-- What the worker holds once no call is open: then it has one thread.
local function settled(stage, worker)
  return eventually(function()
    local now = stage.nginx.vitals(worker)
    return now.threads == 1 and now
  end)
end

describe("in nginx, a call in", function()
  local stage

  -- By name: what was noted at the start, of init, init_worker and the timer.
  local at_start = {}

  setup(function()
    stage = Stage.start { http = HTTP, server = SERVER }
    for _, line in ipairs(stage:noted("ends", 3)) do
      at_start[line.phase] = line
    end
    stage:noted("events", 2) -- of init_worker and the timer
  end)

  teardown(function()
    stage:stop()
  end)

  before_each(function()
    stage:release()
    stage.serve = nil
    stage:page "/ends"
    stage:page "/events"
  end)

  local function assert_refused(phase, line)
    assert.equal(phase, line.phase)
    assert.is_false(line.invited)
    assert.equal("config", line.kind)
    assert.truthy(line.text:find(phase, 1, true), line.text)
    assert.equal(0, stage:posts(phase .. "-waits@example.com"))
  end

  -- Nobody could see to it.
  local function assert_refused_altogether(phase, line)
    assert_refused(phase, line)
    assert.is_false(line.submitted)
    assert.equal("config: ", line.refusal:sub(1, 8))
    assert.truthy(line.refusal:find(phase, 1, true), line.refusal)
    assert.equal(0, stage:posts(phase .. "-submits@example.com"))
  end

  for _, phase in ipairs { "set", "header_filter", "body_filter", "log", "balancer" } do
    it(phase .. " is refused, and one that nobody waits for is made", function()
      stage:page("/in/" .. phase)
      local line = stage:noted("ends", 1)[1]
      assert_refused(phase, line)
      assert.is_true(line.submitted)
      assert.equal("made", stage:noted("events", 1)[1].outcome)
      assert.equal(1, stage:posts(phase .. "-submits@example.com"))
    end)
  end

  for _, phase in ipairs { "rewrite", "access" } do
    it(phase .. " waits", function()
      stage:page("/in/" .. phase)
      assert.equal("inv_" .. phase, stage:noted("ends", 1)[1].id)
      assert.equal("made", stage:noted("events", 1)[1].outcome)
      assert.equal(1, stage:posts(phase .. "@example.com"))
    end)
  end

  it("a timer waits", function()
    local name = stage:client {}
    stage:hold()
    stage:page("/in_timer?email=patient@example.com&client=" .. name)
    stage:run(function()
      return stage:posts "patient@example.com" > 0
    end)
    stage:ping(20)
    assert.same({}, stage:page "/ends")
    stage:release()
    assert.equal("inv_patient", stage:noted("ends", 1)[1].id)
    assert.equal(1, stage:posts "patient@example.com")
    assert.equal("made", stage:noted("events", 1)[1].outcome)
  end)

  it("init is refused, also one that nobody would wait for", function()
    assert_refused_altogether("init", at_start.init)
  end)

  it("a worker waits, on a client that init made", function()
    stage:page "/in/access"
    assert.equal("inv_access", stage:noted("ends", 1)[1].id)
    stage:noted("events", 1)
    assert.equal(0, stage:posts "init-submits@example.com")
  end)

  it("init_worker is refused, and one that nobody waits for is made", function()
    assert_refused("init_worker", at_start.init_worker)
    assert.is_true(at_start.init_worker.submitted)
    assert.equal(1, stage:posts "init_worker-submits@example.com")
  end)

  it("a timer of init_worker waits", function()
    assert.equal("inv_timer", at_start.timer.id)
  end)

  it("exit_worker is refused, also one that nobody would wait for", function()
    local old = stage.nginx:worker()
    stage.nginx:signal "HUP"
    stage.nginx.wait_until_gone(old)
    local line = eventually(function()
      for _, line in ipairs(stage:page "/ends") do
        if line.phase == "exit_worker" then
          return line
        end
      end
    end)
    assert_refused_altogether("exit_worker", line)
  end)
end)

describe("in nginx, without a cache for Lua code", function()
  local CALLERS, ROUNDS = 3, 5
  local stage

  setup(function()
    stage = Stage.start {
      http = [[
        lua_code_cache off;
        init_by_lua_block {
          local site = require "spec.support.site"
          site.keep("of_init", site.new_client("of_init", { base_url = "@UPSTREAM@" }))
        }
      ]],
    }
    stage.nginx:expect("lua_code_cache is off")
  end)

  teardown(function()
    stage:stop()
  end)

  before_each(function()
    stage:reset()
  end)

  -- Several at once, each in a Lua state of its own.
  local function invite(name, round)
    local calls = {}
    for i = 1, CALLERS do
      calls[i] = stage:invite(name, ("person%d-%d@example.com"):format(round, i))
    end
    for i, call in ipairs(calls) do
      assert.equal(("inv_person%d-%d"):format(round, i), stage:finish(call).id)
    end
  end

  for _, case in ipairs {
    { what = "a client lives as long as its request", name = "of_request" },
    { what = "a client of init is made for each request", name = "of_init" },
  } do
    it(case.what .. ", and nothing of it stays", function()
      local name = case.name == "of_request" and stage:client {} or case.name
      local worker = stage.nginx:worker()
      local usual
      for round = 1, ROUNDS do
        invite(name, round)
        usual = usual or settled(stage, worker)
      end
      assert.equal(CALLERS * ROUNDS, stage:posts())
      eventually(function()
        local now = stage.nginx.vitals(worker)
        return now.descriptors <= usual.descriptors and now.threads <= usual.threads
      end)
    end)
  end

  it("a caller may hang up, and nothing stays either", function()
    local name, worker = stage:client {}, stage.nginx:worker()
    invite(name, 1)
    local usual = settled(stage, worker)
    stage:hold()
    stage.server.requests = {}
    local calls = {}
    for i = 1, CALLERS do
      calls[i] = stage:invite(name, ("gone%d@example.com"):format(i))
    end
    stage:wait_for_posts(CALLERS)
    for _, call in ipairs(calls) do
      stage.abort(call)
    end
    stage:run(function()
      return stage.lost == CALLERS
    end)
    assert.equal(usual.threads, settled(stage, worker).threads)
    stage:reset()
    invite(name, 2)
  end)
end)
