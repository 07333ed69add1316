--- A reused connection died under a request and the server was gone for good: libcurl, about to
--- send again, found no new connection, and its error for that was told as an unforeseen one.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("a request that is lost with its connection and its server", function()
  it("is told as a lost connection, of unknown outcome", function()
    local server
    server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.CREATED)
      connection:read_request()
      server:stop_listening()
    end)
    local client = aitronos.new {
      api_key = "ak_test",
      base_url = server:url(),
      proxy = "",
      max_retries = 0,
      driver = server:driver(),
    }
    client:invite_user(api.PARAMS)

    local _, err = client:try_invite_user(api.PARAMS)

    client:close()
    server:close()
    assert.equal("connection", err.kind)
    assert.equal("CONNECTION_LOST", err.code)
    assert.equal("unknown", err.outcome)
  end)
end)
