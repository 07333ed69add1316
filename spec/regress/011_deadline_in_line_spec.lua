--- A job in line, behind others or during a pause, outlived its deadline until its turn came.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("a job in line", function()
  local server, client

  after_each(function()
    client:close()
    server:close()
  end)

  it("ends at its deadline while a younger one has the only place", function()
    server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.response(425, "", { "Retry-After: 1" }))
      connection:read_request()
      connection:hang()
    end)
    local turned_away = false
    client = aitronos.new {
      api_key = "ak_test",
      base_url = server:url(),
      concurrency = 1,
      deadline = 1.5,
      on_event = function(event)
        turned_away = turned_away or event.name == "retry"
      end,
    }
    local older = client:submit(api.PARAMS)
    server:run({ client }, function()
      return turned_away
    end)
    client:submit(api.PARAMS) -- goes at once, and never comes back
    server:run({ client }, function()
      return older:done()
    end)
    local _, err = older:try_result()
    assert.equal("DEADLINE_EXCEEDED", err.code)
    assert.equal("rejected", err.outcome)
    assert.equal(1, err.attempts)
    assert.equal(2, server:count "POST")
  end)

  it("ends at once where a pause will outlast it, wherever it stands", function()
    server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.response(429, api.problem("SLOW_DOWN"), { "Retry-After: 3600" }))
    end)
    client = aitronos.new { api_key = "ak_test", base_url = server:url(), concurrency = 1 }
    local jobs = {}
    for i = 1, 5 do
      jobs[i] = client:submit(api.PARAMS)
    end
    server:run({ client }, function()
      return jobs[1]:done()
    end)
    client:turn(0)
    for i = 2, 5 do
      local _, err = jobs[i]:try_result()
      assert.equal("CLIENT_PAUSED", err.code)
      assert.equal("not_sent", err.outcome)
      assert.is_true(err.retry_after > 3500)
    end
    assert.equal(1, server:count "POST")
  end)
end)
