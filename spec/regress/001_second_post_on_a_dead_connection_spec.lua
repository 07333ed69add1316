--- libcurl sends a request again by itself where a reused connection dies before the first byte of
--- the answer. For a POST that makes an invitation this meant two invitations, of which the caller
--- saw one.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("a reused connection that dies under a request", function()
  local server, client

  -- Answers the first POST and, with the connection kept alive, hangs up on the second.
  local function handler(connection)
    if connection.number == 1 then
      connection:read_request()
      connection:write(api.CREATED)
      connection:read_request()
      return
    end
    while true do
      local request = connection:read_request()
      if not request then
        return
      end
      connection:write(request.method == "GET" and api.response(200, api.found()) or api.CREATED)
    end
  end

  local function new_client(reconcile)
    client = aitronos.new {
      api_key = "ak_test",
      base_url = server:url(),
      proxy = "",
      reconcile = reconcile,
      driver = server:driver(),
    }
    assert(client:try_invite_user(api.PARAMS))
  end

  before_each(function()
    server = Server.new(handler)
  end)

  after_each(function()
    client:close()
    server:close()
  end)

  it("is not followed by a second POST, and the invitation is looked up", function()
    new_client(true)

    local invitation, response = client:invite_user(api.PARAMS)

    assert.equal(2, server:count("POST"))
    assert.equal(1, server.requests[2].connection)
    assert.equal(api.FOUND, invitation.invitation_id)
    assert.is_true(response.reconciled)
    assert.equal(1, response.attempts)
  end)

  it("is told as an unknown outcome where nothing may be looked up", function()
    new_client(false)

    local invitation, err = client:try_invite_user(api.PARAMS)

    assert.is_nil(invitation)
    assert.equal(2, server:count("POST"))
    assert.equal(0, server:count("GET"))
    assert.equal("connection", err.kind)
    assert.equal("unknown", err.outcome)
    assert.is_false(err.retryable)
  end)
end)
