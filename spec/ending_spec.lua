--- What a call says of its invitation where it is ended from outside: cancelled, closed with its
--- client, or at its deadline.

local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"
local patiently = require "spec.support.patiently"

local FAILED = api.response(500, "")

describe("a call", function()
  local exchange = Exchange.each()

  -- Each phase: what the server does, when the phase is reached, what is known of the invitation.
  local PHASES = {
    {
      name = "before the first turn",
      posts = { api.CREATED },
      reached = function()
        return true
      end,
      outcome = "not_sent",
    },
    {
      name = "while a connection is made",
      accept = function(connection)
        connection:hang()
      end,
      secure = true,
      reached = function(server)
        return server.accepted == 1
      end,
      outcome = "not_sent",
    },
    {
      name = "while it waits after it could not be sent",
      accept = function() end,
      secure = true,
      waits = true,
      max_retries = 100, -- chance may make one wait too short to be seen
      reached = function(server)
        return server.accepted >= 1
      end,
      outcome = "not_sent",
    },
    {
      name = "while the server works on it",
      posts = { false },
      reached = function(server)
        return server:count("POST") == 1
      end,
      outcome = "unknown",
    },
    {
      name = "while it waits after it was turned away",
      posts = { api.response(429, "", { "Retry-After: 30" }) },
      waits = true,
      reached = function(server)
        return server:count("POST") == 1
      end,
      outcome = "rejected",
    },
    {
      name = "while it is looked up",
      posts = { FAILED },
      gets = { false },
      reached = function(server)
        return server:count("GET") == 1
      end,
      outcome = "unknown",
    },
    {
      name = "while absence is being proven",
      posts = { FAILED },
      gets = { api.ABSENT },
      waits = true,
      reached = function(server)
        return server:count("GET") == 1
      end,
      outcome = "unknown",
    },
    {
      name = "while it is sent again after absence was proven",
      posts = { FAILED, false },
      gets = { api.ABSENT },
      settle = 0,
      reached = function(server)
        return server:count("POST") == 2
      end,
      outcome = "unknown",
    },
  }

  local function submit_until(phase)
    if phase.accept then
      exchange:serve(phase.accept)
    else
      exchange:answer(phase.posts, phase.gets)
    end
    local server = exchange.server
    exchange:connect {
      base_url = phase.secure and server:secure_url() or server:url(),
      settle = phase.settle or 60,
      deadline = 300,
      max_retries = phase.max_retries,
    }
    local job = exchange.client:submit(api.PARAMS)
    exchange:run(function()
      return phase.reached(server)
        and (not phase.waits or tostring(job):find("waiting", 1, true) ~= nil)
    end)
    return job
  end

  for _, phase in ipairs(PHASES) do
    it("can be cancelled " .. phase.name, function()
      local job = submit_until(phase)

      job:cancel()

      assert.is_true(job:done())
      local requests = #exchange.server.requests
      local invitation, err = job:try_result()
      assert.is_nil(invitation)
      assert.equal("cancelled", err.kind)
      assert.equal("CANCELLED", err.code)
      assert.equal(phase.outcome, err.outcome)
      exchange.client:turn(0)
      assert.equal(requests, #exchange.server.requests)
    end)

    it("ends with its client " .. phase.name, function()
      local job = submit_until(phase)

      exchange.client:close()

      assert.is_true(job:done())
      local invitation, err = job:try_result()
      assert.is_nil(invitation)
      assert.equal("cancelled", err.kind)
      assert.equal("CLIENT_CLOSED", err.code)
      assert.equal(phase.outcome, err.outcome)
      assert.equal(phase.outcome ~= "unknown", err.retryable)
    end)
  end

  it("keeps its result where it is cancelled too late", function()
    exchange:answer { api.CREATED }
    local client = exchange:connect()
    local job = client:submit(api.PARAMS)
    exchange.server:driver().wait(client, job)

    job:cancel()

    assert.equal(api.INVITATION, job:result().invitation_id)
  end)

  it("ends in flight at its deadline, of unknown outcome", function()
    local err
    patiently(function(scale)
      exchange:close()
      exchange:answer { false }
      err = select(2, exchange:call { deadline = 0.2 * scale })
      return exchange:kept_up()
    end)

    assert.equal("POST", exchange:methods())
    assert.equal("timeout", err.kind)
    assert.equal("DEADLINE_EXCEEDED", err.code)
    assert.equal("unknown", err.outcome)
  end)
end)
