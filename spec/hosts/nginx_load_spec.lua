--- In a real nginx: what many invitations leave behind, and a rate that its workers share.

local Nginx = require "spec.support.nginx"
local Stage = require "spec.support.stage"
local socket = require "socket"

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
    print(("\n# nginx, %d invitations: descriptors %d before, %d after; threads %d, %d;"
      .. " memory %.1f MiB, %.1f MiB"):format(INVITATIONS, before.descriptors, after.descriptors,
      before.threads, after.threads, before.rss / 1024, after.rss / 1024))
    assert.is_true(after.descriptors <= single.descriptors + DESCRIPTORS_EACH * (AT_ONCE - 1))
    assert.equal(before.threads, after.threads)
    assert.is_true(after.rss - before.rss < SPREAD_KB)
  end)

  describe("a rate in a shared dictionary", function()
    local RATE = 20 -- a second
    local BURST = 4
    local CALLS = 32

    -- A connection to each worker.
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

    it("is kept by all workers together", function()
      stage = Stage.start { workers = 2, http = "lua_shared_dict budget 64k;" }
      local name = stage:client { rate = RATE * 60, burst = BURST, rate_dict = "budget" }
      local start = socket.gettime()
      local calls = {}
      for _, line in pairs(lines()) do
        -- All at once, of one request.
        table.insert(calls, line:get(("/many?n=%d&threads=%d&client=%s")
          :format(CALLS / 2, CALLS / 2, name)))
      end
      for _, call in ipairs(calls) do
        assert.equal(CALLS / 2, stage:finish(call).made)
      end
      local requests = stage.server.requests
      assert.equal(CALLS, #requests)
      -- No request leaves before its time, however late it is seen. Time goes in steps of one
      -- request, and the first of them may end at once.
      for i = BURST + 2, CALLS do
        assert.is_true(requests[i].at - start >= (i - BURST - 1) / RATE - 0.002, i)
      end
    end)
  end)
end)
