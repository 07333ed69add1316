--- The collector may run a finalizer of the host's in the middle of a turn. One that cancelled the
--- job whose answer was being read, or turned the client itself, crashed the process.
local aitronos = require "aitronos"
local api = require "spec.support.api"
local Server = require "spec.support.server"

-- Calls `finalize` when nothing refers to what is returned, in Lua 5.1 too.
local function finalized(finalize)
  if not rawget(_G, "newproxy") then
    return setmetatable({}, { __gc = finalize })
  end
  local proxy = rawget(_G, "newproxy")(true)
  getmetatable(proxy).__gc = finalize
  return proxy
end

local ROUNDS, AT_ONCE = 30, 4

describe("a finalizer that runs in a turn", function()
  local server, client

  before_each(function()
    -- Large enough for the collector to have something to do while it is read.
    local body = ('{"invitation_id":"%s","pad":[%s1]}'):format(api.INVITATION, ("[1,2],"):rep(500))
    server = Server.new(function(connection)
      while connection:read_request() do
        connection:write(api.response(201, body))
      end
    end)
    client = aitronos.new { api_key = "key", base_url = server:url() }
  end)

  after_each(function()
    client:close()
    server:close()
  end)

  local function run_with(finalize)
    local runs = 0
    local pause, speed = collectgarbage("setpause", 0), collectgarbage("setstepmul", 1000)
    for _ = 1, ROUNDS do
      local jobs = {}
      for i = 1, AT_ONCE do
        local job = client:submit(api.PARAMS)
        jobs[i] = job
        finalized(function()
          runs = runs + (job:done() and 0 or 1)
          finalize(job)
        end)
      end
      Server.run_all({ server }, { client }, function()
        for _, job in ipairs(jobs) do
          if not job:done() then
            return false
          end
        end
        return true
      end)
    end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", speed)
    assert.is_true(runs > 0)
  end

  it("may cancel a job", function()
    run_with(function(job)
      job:cancel()
    end)
  end)

  it("may not turn or close the client, which goes on", function()
    run_with(function()
      pcall(client.turn, client)
    end)
  end)
end)
