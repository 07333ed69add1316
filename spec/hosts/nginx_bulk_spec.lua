--- Many invitations in one loop, in a real nginx: the worker goes on serving, and what becomes of
--- them when the loop or its caller goes.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local api = require "spec.support.api"
local cjson = require "cjson"
local eventually = require "spec.support.eventually"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

describe("in nginx, invite_users", function()
  local stage = Stage.each()

  -- The last events of this client's jobs, once there are so many.
  local function ends_of(name, count)
    local ends = {}
    eventually(function()
      for _, event in ipairs(stage:page "/events") do
        if event.client == name and event.done then
          ends[#ends + 1] = event
        end
      end
      return #ends >= count
    end)
    return ends
  end

  -- Answers the first invitation, and no other until `release`.
  local function hold_others()
    stage:hold()
    local hold = stage.serve
    stage.serve = function(connection, request)
      return (stage:posts() == 1 and Stage.serve or hold)(connection, request)
    end
  end

  local function bulk(options, arguments)
    return stage:get("/bulk?client=" .. stage:client(options) .. arguments)
  end

  it("invites many, so many at once, and the worker goes on serving", function()
    hold_others()
    local call = bulk({ concurrency = 2 }, "&n=300&at_once=50")
    stage:wait_for_posts(51)
    stage:ping(20)
    assert.equal(51, stage:posts())
    stage:release()
    assert.equal(300, stage:finish(call).made)
    assert.equal(300, stage:posts())
  end)

  it("runs beside other callers of the same client", function()
    local name = stage:client {}
    local runs = {}
    for i = 1, 4 do
      runs[i] = stage:get("/bulk?n=100&at_once=4&client=" .. name)
    end
    local single = stage:invite(name, "single@example.com")
    assert.equal("inv_single", stage:finish(single).id)
    for _, call in ipairs(runs) do
      assert.equal(100, stage:finish(call).made)
    end
  end)

  it("goes on where some fail", function()
    stage.serve = function(connection, request)
      if cjson.decode(request.body).email:find("5@", 1, true) then
        return connection:write(api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")))
      end
      return connection:write(Stage.made(request))
    end
    local answer = stage:finish(bulk({}, "&n=20"))
    assert.equal(18, answer.made)
    assert.equal("INSUFFICIENT_PERMISSIONS", answer.codes["5"])
    assert.equal("INSUFFICIENT_PERMISSIONS", answer.codes["15"])
  end)

  it("lets others have the place of one that is looked up for a while", function()
    stage.serve = function(connection, request)
      if request.method == "GET" then
        local found = api.found { email = "person1@example.com", invitation_id = "inv_person1" }
        return connection:write(stage:posts() < 5 and api.ABSENT or api.response(200, found))
      elseif cjson.decode(request.body).email:find("^person1@") then
        return connection:write(api.response(500, ""))
      end
      return connection:write(Stage.made(request))
    end
    local answer = stage:finish(bulk({ settle = 0.4 }, "&n=5&at_once=1"))
    assert.equal(5, answer.made)
    assert.equal(1, answer.last)
  end)

  it("leaves nothing running when the loop is left", function()
    local name = stage:client {}
    stage.serve = function(connection, request)
      if request.method == "POST" and stage:posts() > 2 then
        return connection:hang()
      end
      return connection:write(Stage.made(request))
    end
    local answer = stage:finish(stage:get("/bulk?n=50&at_once=4&leave=2&client=" .. name))
    assert.equal(2, answer.made)
    local sent = stage:posts()
    assert.is_true(sent <= 5)
    stage.serve = nil
    stage:finish(stage:invite(name, "next@example.com"))
    assert.equal(sent + 1, stage:posts())
    local made = 0
    for _, event in ipairs(ends_of(name, sent + 1)) do
      made = made + (event.outcome == "made" and 1 or 0)
      assert.is_true(event.outcome == "made" or event.kind == "cancelled", event.outcome)
    end
    assert.equal(3, made)
  end)

  it("goes with its caller", function()
    local name = stage:client {}
    hold_others()
    local call = stage:get("/bulk?n=50&at_once=4&client=" .. name)
    stage:wait_for_posts(5)
    stage.abort(call)
    stage:run(function()
      return stage.lost == 4
    end)
    stage:release()
    stage:finish(stage:invite(name, "next@example.com"))
    assert.equal(6, stage:posts())
    local cancelled = 0
    for _, event in ipairs(ends_of(name, 6)) do
      cancelled = cancelled + (event.kind == "cancelled" and 1 or 0)
    end
    assert.equal(4, cancelled)
  end)
end)
