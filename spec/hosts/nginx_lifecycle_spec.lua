--- In a real nginx: what becomes of calls when their worker is to end, or ends.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local eventually = require "spec.support.eventually"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local CALLERS = 20

describe("in nginx, with calls that wait", function()
  local stage, name, before

  setup(function()
    before = Nginx.left_behind()
  end)

  before_each(function()
    if stage then
      stage:reset()
    else
      stage = Stage.start {}
      name = stage:client { concurrency = CALLERS }
    end
  end)

  local function stop()
    if stage then
      stage:stop()
      stage = nil
    end
  end

  teardown(function()
    stop()
    -- Other processes may have had such a folder before, or may have one for a moment.
    eventually(function()
      local now = Nginx.left_behind()
      return now == "" or now == before
    end)
  end)

  local function email(i, round)
    return ("person%d-%d@example.com"):format(round or 1, i)
  end

  -- Calls that the server has read, and does not answer for now.
  local function start_calls(round)
    stage:hold()
    local calls = {}
    for i = 1, CALLERS do
      calls[i] = stage:invite(name, email(i, round))
    end
    stage:wait_for_posts(CALLERS * (round or 1))
    return calls
  end

  -- From then on it takes no new connections.
  local function wait_for_shutdown(worker)
    local said = worker .. ": gracefully shutting down"
    eventually(function()
      return stage.nginx:log():find(said, 1, true)
    end)
  end

  local function each_is_answered(calls, worker, round)
    for i, call in ipairs(calls) do
      local made = stage:finish(call)
      assert.equal("inv_" .. email(i, round):match("^[^@]*"), made.id)
      assert.equal(worker, made.pid)
      assert.equal(1, stage:posts(email(i, round)))
    end
  end

  local function each_connection_ends(calls)
    for _, call in ipairs(calls) do
      stage:finish(call)
      assert.is_nil(call.status)
    end
    stage:run(function()
      return stage.lost == CALLERS
    end)
    assert.equal(CALLERS, stage:posts())
  end

  it("a reload lets the old worker end them, and the new one begin others", function()
    local calls = start_calls()
    local old = stage.nginx:worker()
    stage.nginx:signal "HUP"
    wait_for_shutdown(old)
    local later = stage:invite(name, "later@example.com")
    stage:wait_for_posts(CALLERS + 1)
    assert.is_falsy(calls[1].ended)
    stage:release()
    local made = stage:finish(later)
    assert.equal("inv_later", made.id)
    assert.not_equal(old, made.pid)
    each_is_answered(calls, old)
    assert.equal(CALLERS + 1, stage:posts())
    Nginx.wait_until_gone(old)
  end)

  -- The one worker that is not among these.
  local function newcomer(known)
    return eventually(function()
      local unknown = {}
      for _, pid in ipairs(stage.nginx:workers()) do
        unknown[pid] = true
      end
      for _, pid in ipairs(known) do
        unknown[pid] = nil
      end
      return next(unknown)
    end)
  end

  it("reloads in a row leave them to worker after worker", function()
    local calls, workers = {}, {}
    for round = 1, 4 do
      calls[round] = start_calls(round)
      workers[round] = newcomer(workers)
      stage.nginx:signal "HUP"
      wait_for_shutdown(workers[round])
    end
    stage:release()
    for round, worker in ipairs(workers) do
      each_is_answered(calls[round], worker, round)
      Nginx.wait_until_gone(worker)
    end
    assert.equal(4 * CALLERS, stage:posts())
  end)

  it("a reload lets the old worker end those that nobody waits for, too", function()
    local old = stage.nginx:worker()
    stage:page "/events"
    stage:hold()
    for i = 1, 3 do
      stage:page(("/submit?client=%s&email=%s"):format(name, email(i)))
    end
    stage:wait_for_posts(3)
    stage.nginx:signal "HUP"
    wait_for_shutdown(old)
    stage:release()
    for _, event in ipairs(stage:noted("events", 3)) do
      assert.equal("made", event.outcome)
    end
    assert.equal(3, stage:posts())
    Nginx.wait_until_gone(old)
  end)

  it("a worker that is killed takes its calls along, and nothing else", function()
    local calls = start_calls()
    local old = stage.nginx:worker()
    stage.nginx:expect "exited on signal 9"
    stage.nginx:signal("KILL", old)
    each_connection_ends(calls)
    stage:reset()
    local made = stage:finish(stage:invite(name, "after@example.com"))
    assert.equal("inv_after", made.id)
    assert.not_equal(old, made.pid)
    assert.equal(1, stage:posts())
  end)

  it("a graceful end waits for them", function()
    local calls = start_calls()
    local worker = stage.nginx:worker()
    stage.nginx:signal "QUIT"
    wait_for_shutdown(worker)
    stage:release()
    each_is_answered(calls, worker)
    assert.equal(CALLERS, stage:posts())
    assert.equal(0, stage.nginx:wait_for_end())
    stop()
  end)

  it("a fast end does not", function()
    local calls = start_calls()
    stage.nginx:signal "TERM"
    each_connection_ends(calls)
    assert.equal(0, stage.nginx:wait_for_end())
    stop()
  end)
end)

describe("in nginx, a call waits where", function()
  local folder

  -- What others can read, wherever the project is.
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    Nginx.copy_module(folder)
  end)

  teardown(function()
    os.execute("rm -rf " .. folder)
  end)

  local function try(given)
    given.lua, given.module, given.specs = folder, folder, folder
    local stage = Stage.start(given)
    local name = stage:client {}
    assert.equal("inv_who", stage:finish(stage:invite(name, "who@example.com")).id)
    local worker = stage.nginx:worker()
    local owner = Nginx.user_of(worker)
    local descriptors = Nginx.vitals(worker).descriptors
    stage:hold()
    local call = stage:invite(name, "gone@example.com")
    stage:wait_for_posts(2)
    stage.abort(call)
    stage:run(function()
      return stage.lost == 1
    end)
    eventually(function()
      return Nginx.vitals(worker).descriptors <= descriptors
    end)
    stage:stop()
    return owner
  end

  local function it_as_root(what, test)
    if Nginx.is_root() then
      it(what, test)
    else
      pending(what .. ": only root can try that")
    end
  end

  it("TMPDIR is no folder", function()
    try { main = "env TMPDIR=/nonexistent;" }
  end)

  it_as_root("its worker is another user's than its master", function()
    assert.equal("www-data", try { user = "www-data" })
  end)

  it_as_root("nginx as a whole is not root's", function()
    assert.equal("nobody", try { su = "nobody" })
  end)
end)
