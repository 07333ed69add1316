--- A call that could not be waited for said that nothing was sent, and its job, left in line, was
--- sent at the next turn: whoever believed it and called again made two invitations.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("a call that cannot be waited for", function()
  local server, client

  local function start(options)
    server = Server.new(function(connection)
      while connection:read_request() do
        connection:write(api.CREATED)
      end
    end)
    options.api_key = "ak_test"
    options.base_url = server:url()
    options.driver = options.driver or server:driver()
    client = aitronos.new(options)
  end

  local function turn_on()
    local job = client:submit(api.PARAMS)
    server:run({ client }, function()
      return job:done()
    end)
  end

  after_each(function()
    client:close()
    server:close()
  end)

  it("is refused inside on_event, and leaves nothing behind", function()
    local raised, returned
    start {
      on_event = function()
        if not raised then
          raised = select(2, pcall(client.invite_user, client, api.PARAMS))
          returned = select(2, client:try_invite_user(api.PARAMS))
        end
      end,
    }
    turn_on()
    for _, err in ipairs { raised, returned } do
      assert.equal("argument", err.kind)
      assert.equal("not_sent", err.outcome)
    end
    turn_on()
    assert.equal(2, server:count "POST")
  end)

  it("is cancelled where its driver gives up, and tells the truth", function()
    start { driver = { wait = function() end } }
    local nothing, err = client:try_invite_user(api.PARAMS)
    assert.is_nil(nothing)
    assert.equal("cancelled", err.kind)
    assert.equal("not_sent", err.outcome)
    turn_on()
    assert.equal(1, server:count "POST")

    client:close()
    server:close()
    start {
      driver = {
        wait = function(asking)
          server:run({ asking }, function()
            return server:count "POST" == 1
          end)
        end,
      },
    }
    err = select(2, client:try_invite_user(api.PARAMS))
    assert.equal("cancelled", err.kind)
    assert.equal("unknown", err.outcome)
  end)

  it("is no result yet, and not called unsent", function()
    start {}
    local job = client:submit(api.PARAMS)
    assert.equal("not_sent", select(2, pcall(job.result, job)).outcome)
    client:turn(0)
    local _, err = pcall(job.result, job)
    assert.equal("argument", err.kind)
    assert.equal("unknown", err.outcome)
    assert.is_false(err.retryable)
  end)
end)

describe("a blocking wait that is interrupted", function()
  it("ends its job, and raises what interrupted it", function()
    local blocking = require "aitronos.driver.blocking"
    local cancelled = false
    local job = {
      done = function()
        return false
      end,
      cancel = function()
        cancelled = true
      end,
    }
    local client = {
      turn = function()
        error("interrupted!", 0)
      end,
    }
    local fine, err = pcall(blocking.wait, client, job)
    assert.is_false(fine)
    assert.equal("interrupted!", err)
    assert.is_true(cancelled)
  end)
end)
