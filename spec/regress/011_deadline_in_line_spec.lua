--- A job in line, behind others or during a pause, outlived its deadline until its turn came.
local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"
local patiently = require "spec.support.patiently"

describe("a job in line", function()
  local exchange = Exchange.each()

  -- At a scale of 1: sent at 0.0 seconds, turned away at 0.4, and due again at 1.4 or a little
  -- later. But at 0.4 come two younger ones, of which one takes the only place and never ends, and
  -- the other stands in line before it.
  local function grow_old(scale)
    local heard, younger = nil, {}
    exchange:serve(function(connection)
      connection:read_request()
      connection:sleep(0.4 * scale)
      connection:write(api.response(425, "", { "Retry-After: " .. scale }))
      connection:read_request()
      connection:hang()
    end)
    local client = exchange:connect {
      concurrency = 1,
      deadline = 2 * scale,
      on_event = function(event)
        if event.name == "retry" then
          heard = event.elapsed
          younger[1], younger[2] = exchange.client:submit(api.PARAMS),
            exchange.client:submit(api.PARAMS)
        end
      end,
    }
    local older = client:submit(api.PARAMS)
    exchange:run(function()
      return older:done()
    end)
    local in_time = heard and heard < 0.7 * scale
      and not younger[1]:done() and not younger[2]:done()
    return older, in_time
  end

  it("ends at its deadline while younger ones have the only place and stand before it", function()
    local older
    patiently(function(scale)
      local in_time
      exchange:close()
      older, in_time = grow_old(scale)
      return in_time
    end)
    local _, err = older:try_result()
    assert.equal("DEADLINE_EXCEEDED", err.code)
    assert.equal("rejected", err.outcome)
    assert.equal(1, err.attempts)
    assert.equal("POST POST", exchange:methods())
  end)

  it("ends at once where a pause will outlast it, wherever it stands", function()
    exchange:answer { api.response(429, api.problem("SLOW_DOWN"), { "Retry-After: 3600" }) }
    local client = exchange:connect { concurrency = 1 }
    local jobs = {}
    for i = 1, 5 do
      jobs[i] = client:submit(api.PARAMS)
    end
    exchange:run(function()
      return jobs[1]:done()
    end)
    client:turn(0)
    for i = 2, 5 do
      local _, err = jobs[i]:try_result()
      assert.equal("CLIENT_PAUSED", err.code)
      assert.equal("not_sent", err.outcome)
      assert.is_true(err.retry_after > 3000)
    end
    assert.equal("POST", exchange:methods())
  end)
end)
