--- What the server does after the client has given up waiting for it: the look-ups have to wait
--- for the truth, and a second invitation may be sent only once absence has held.

local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"
local patiently = require "spec.support.patiently"

local TIMEOUT = 0.3
local SETTLE = 0.2

describe("an invitation whose request times out", function()
  local exchange = Exchange.each()

  -- Never answers the first POST. Says that there is no invitation for the first `absent` look-ups.
  local function serve(absent)
    exchange:serve(function(connection)
      local server = exchange.server
      while true do
        local request = connection:read_request()
        if not request then
          return
        elseif request.method == "POST" and server:count("POST") == 1 then
          return connection:hang()
        elseif request.method == "POST" then
          connection:write(api.CREATED)
        elseif server:count("GET") <= absent then
          connection:write(api.ABSENT)
        else
          connection:write(api.response(200, api.found()))
        end
      end
    end)
  end

  local function call(absent, options)
    local result, other
    options = options or {}
    options.settle = SETTLE
    patiently(function(scale)
      exchange:close()
      serve(absent)
      options.timeout = TIMEOUT * scale
      result, other = exchange:call(options)
      return exchange:kept_up()
    end)
    return result, other
  end

  it("is found at once where it was made", function()
    local invitation, response = call(0)

    assert.equal("POST GET", exchange:methods())
    assert.equal(api.FOUND, invitation.invitation_id)
    assert.is_true(response.reconciled)
    assert.is_false(response.existing)
    assert.equal(200, response.status)
    assert.equal(1, response.attempts)
  end)

  it("is found, and not sent again, where it is made while absence is being proven", function()
    local invitation, response = call(1)

    assert.equal("POST GET GET", exchange:methods())
    assert.equal(api.FOUND, invitation.invitation_id)
    assert.is_true(response.reconciled)
    assert.equal(1, response.attempts)
  end)

  it("is sent exactly once more where absence holds for as long as settle says", function()
    local second_sent
    local invitation, response = call(math.huge, {
      on_event = function(event)
        if event.name == "request" and not event.look_up and event.attempt == 2 then
          second_sent = event.elapsed
        end
      end,
    })

    assert.matches("^POST GET GET[ GET]* POST$", exchange:methods())
    assert.equal(api.INVITATION, invitation.invitation_id)
    assert.is_false(response.reconciled)
    assert.equal(201, response.status)
    assert.equal(2, response.attempts)
    -- The core counts in whole milliseconds, and both times may lose most of one.
    assert.is_true(second_sent >= TIMEOUT + SETTLE - 0.002)
  end)

  it("is of unknown outcome, without a look-up, where reconcile is off", function()
    local invitation, err = call(math.huge, { reconcile = false })

    assert.is_nil(invitation)
    assert.equal("POST", exchange:methods())
    assert.equal("timeout", err.kind)
    assert.equal("REQUEST_TIMEOUT", err.code)
    assert.equal("unknown", err.outcome)
    assert.is_false(err.retryable)
  end)
end)
