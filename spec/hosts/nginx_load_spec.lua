--- In a real nginx: what many invitations leave behind, and a rate that its workers share.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local eventually = require "spec.support.eventually"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local INVITATIONS = 10000
local AT_ONCE = 64
-- Both ends of the connection that a caller waits on, and of that to the API.
local DESCRIPTORS_EACH = 4
-- What memory may differ by from one time to another, with nothing leaked: 400 bytes a call would
-- be more.
local SPREAD_KB = 4096

describe("in nginx", function()
  local stage

  after_each(function()
    stage:stop()
  end)

  -- The API is served by the worker that invites, so that a call that blocked it would never end.
  it(INVITATIONS .. " invitations leave nothing behind", function()
    stage = Stage.start {
      server = [[
        location = /v1/organizations/org_xyz789/invite-user {
          return 201 '{"invitation_id":"inv_made","email":"new@example.com"}';
        }
      ]],
    }
    local name = stage:client {
      base_url = "http://127.0.0.1:" .. stage.nginx.port, concurrency = AT_ONCE,
      on_event = false,
    }
    local worker = stage.nginx:worker()
    local function invite(count, at_once)
      local path = ("/many?n=%d&threads=%d&client=%s"):format(count, at_once, name)
      assert.equal(count, stage:page(path).made)
      stage:page "/collect"
      return Nginx.vitals(worker)
    end
    local single = invite(1, 1)
    local before = invite(2000, AT_ONCE)
    local after = invite(INVITATIONS, AT_ONCE)
    -- The worker may not have closed yet what the page before came over.
    eventually(function()
      after.descriptors = Nginx.vitals(worker).descriptors
      return after.descriptors <= single.descriptors + DESCRIPTORS_EACH * (AT_ONCE - 1)
    end)
    print(("\n# nginx, %d invitations: descriptors %d before, %d after; threads %d, %d;"
      .. " memory %.1f MiB, %.1f MiB"):format(INVITATIONS, before.descriptors, after.descriptors,
      before.threads, after.threads, before.rss / 1024, after.rss / 1024))
    assert.equal(before.threads, after.threads)
    assert.is_true(after.rss - before.rss < SPREAD_KB)
  end)

  describe("a rate in a shared dictionary", function()
    local BURST = 4
    local CALLS = 16 -- of each worker

    -- A connection to each of two workers.
    local function lines()
      local found, count = {}, 0
      while count < 2 do
        local line = stage:line()
        local pid = stage:finish(line:get "/pid").pid
        if not found[pid] then
          found[pid], count = line, count + 1
        end
      end
      return found
    end

    -- Calls of both workers at once; each has ended.
    local function outcomes(name)
      local calls = {}
      for _, line in pairs(lines()) do
        table.insert(calls, line:get(("/try_many?n=%d&client=%s"):format(CALLS, name)))
      end
      local made, refused = 0, 0
      for _, call in ipairs(calls) do
        local ended = stage:finish(call)
        made, refused = made + ended.made, refused + (ended.codes.DEADLINE_EXCEEDED or 0)
      end
      assert.equal(made, stage:posts())
      return made, refused
    end

    before_each(function()
      stage = Stage.start { workers = 2, http = "lua_shared_dict budget 64k;" }
    end)

    it("is one for all workers", function()
      -- So few that all but a burst would have to wait for longer than a call may.
      local name = stage:client {
        rate = 0.001, burst = BURST, rate_dict = "budget", deadline = 30,
      }
      local made, refused = outcomes(name)
      assert.equal(2 * CALLS, made + refused)
      -- The time for one more may come just then.
      assert.is_true(made == BURST or made == BURST + 1, made)
    end)

    it("lets each call through in its time", function()
      local name = stage:client { rate = 6000, burst = BURST, rate_dict = "budget" }
      assert.equal(2 * CALLS, (outcomes(name)))
    end)
  end)
end)
