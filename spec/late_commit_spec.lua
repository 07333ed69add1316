--- What the server does after the client has given up waiting for it: the look-ups have to wait
--- for the truth, and a second invitation may be sent only once absence has held.

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local socket = require "socket"

local TIMEOUT = 0.5
local SETTLE = 0.2

describe("an invitation whose request times out", function()
  local server, client

  after_each(function()
    client:close()
    server:close()
  end)

  -- Never answers the first POST. Says that there is no invitation for the first `absent` look-ups.
  local function handler(absent)
    return function(connection)
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
    end
  end

  local function call(absent, reconcile)
    server = Server.new(handler(absent))
    client = aitronos.new {
      api_key = "ak_test",
      base_url = server:url(),
      proxy = "",
      timeout = TIMEOUT,
      settle = SETTLE,
      reconcile = reconcile,
      driver = server:driver(),
    }
    return client:try_invite_user(api.PARAMS)
  end

  local function methods()
    local list = {}
    for _, request in ipairs(server.requests) do
      list[#list + 1] = request.method
    end
    return table.concat(list, " ")
  end

  it("is found at once where it was made", function()
    local invitation, response = call(0)

    assert.equal("POST GET", methods())
    assert.equal(api.FOUND, invitation.invitation_id)
    assert.is_true(response.reconciled)
    assert.is_false(response.existing)
    assert.equal(200, response.status)
    assert.equal(1, response.attempts)
  end)

  it("is found, and not sent again, where it is made while absence is being proven", function()
    local invitation, response = call(1)

    assert.equal("POST GET GET", methods())
    assert.equal(api.FOUND, invitation.invitation_id)
    assert.is_true(response.reconciled)
    assert.equal(1, response.attempts)
  end)

  it("is sent exactly once more where absence holds for as long as settle says", function()
    local begun = socket.gettime()
    local invitation, response = call(math.huge)

    assert.matches("^POST GET GET[ GET]* POST$", methods())
    assert.equal(api.INVITATION, invitation.invitation_id)
    assert.is_false(response.reconciled)
    assert.equal(201, response.status)
    assert.equal(2, response.attempts)
    -- The core counts in whole milliseconds, and both times may lose most of one.
    local second_post = server.requests[#server.requests]
    assert.is_true(second_post.at - begun >= TIMEOUT + SETTLE - 0.002)
  end)

  it("is of unknown outcome, without a look-up, where reconcile is off", function()
    local invitation, err = call(math.huge, false)

    assert.is_nil(invitation)
    assert.equal("POST", methods())
    assert.equal("timeout", err.kind)
    assert.equal("REQUEST_TIMEOUT", err.code)
    assert.equal("unknown", err.outcome)
    assert.is_false(err.retryable)
  end)
end)
