--- What a driver may offer beside `wait`.
local aitronos = require "aitronos"
local api = require "spec.support.api"
local blocking = require "aitronos.driver.blocking"
local Server = require "spec.support.server"

local function raises(options)
  local fine, err = pcall(aitronos.new, options)
  assert.is_false(fine)
  return err
end

describe("a driver", function()
  local server, client

  before_each(function()
    server = Server.new(function(connection)
      while connection:read_request() do
        connection:write(api.CREATED)
      end
    end)
  end)

  after_each(function()
    if client then
      client:close()
    end
    server:close()
  end)

  local function new_client(driver, on_event)
    client = aitronos.new {
      api_key = "key", base_url = server:url(), driver = driver, on_event = on_event,
    }
    return client
  end

  it("may refuse calls that wait, before anything is submitted", function()
    new_client {
      wait = function() error "waited" end,
      refusal = function(waits) return waits and "cannot wait here" or nil end,
    }
    local invitation, err = client:try_invite_user(api.PARAMS)
    assert.is_nil(invitation)
    assert.equal("config: cannot wait here (CANNOT_WAIT)", tostring(err))
    assert.equal("not_sent", err.outcome)
    local fine, raised = pcall(client.invite_user, client, api.PARAMS)
    assert.is_false(fine)
    assert.equal("CANNOT_WAIT", raised.code)

    local job = client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return job:done()
    end)
    assert.equal(1, server:count "POST")
  end)

  it("may refuse all of them", function()
    new_client { wait = blocking.wait, refusal = function() return "not now" end }
    local fine, raised = pcall(client.submit, client, api.PARAMS)
    assert.is_false(fine)
    assert.equal("config: not now (CANNOT_WAIT)", tostring(raised))
  end)

  it("is told of jobs that were submitted, and whether a turn is under way", function()
    local told, again = {}, nil
    new_client({
      wait = blocking.wait,
      submitted = function(of, job, in_turn)
        told[#told + 1] = { client = of, job = job, in_turn = in_turn }
      end,
    }, function(event)
      if event.done and not again then
        again = client:submit(api.PARAMS)
      end
    end)
    local job = client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return again and again:done()
    end)
    assert.same({
      { client = client, job = job, in_turn = false },
      { client = client, job = again, in_turn = true },
    }, told)
  end)

  it("keeps a rate in a shared dictionary, where it has one", function()
    local options = { api_key = "key", base_url = server:url(), rate = 60, rate_dict = "shared" }
    assert.equal("config: rate_dict: is for nginx only (INVALID_OPTION)", tostring(raises(options)))
    options.driver = { wait = blocking.wait, limiter = function() return nil, "is unknown" end }
    assert.equal("config: rate_dict: is unknown (INVALID_OPTION)", tostring(raises(options)))
    options.rate = nil
    assert.equal("config: rate_dict: needs rate (INVALID_OPTION)", tostring(raises(options)))
  end)

  it("may hold requests back by that rate", function()
    local asked, given = 0, nil
    client = aitronos.new {
      api_key = "key", base_url = server:url(), rate = 60, burst = 3, rate_dict = "shared",
      driver = {
        wait = blocking.wait,
        limiter = function(...)
          given = { ... }
          return function()
            asked = asked + 1
            return asked < 3 and 0.01 or 0
          end
        end,
      },
    }
    local job = client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return job:done()
    end)
    assert.same({ "shared", 60, 3 }, given)
    assert.equal(3, asked)
    assert.equal(api.INVITATION, job:result().invitation_id)
  end)
end)
