--- Over HTTP/2, a hang-up before any answer was told as an answer that had been cut short.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local h2 = require "spec.support.h2"
local tls = require "spec.support.tls"

describe("an HTTP/2 connection that ends before any answer", function()
  local certificates = tls.each()

  it("is told as a lost connection, of unknown outcome", function()
    local server = Server.new(function(connection)
      connection:start_tls(certificates.contexts.h2)
      h2.start(connection)
      h2.read_request(connection)
    end)
    local client = aitronos.new {
      api_key = "ak_test",
      base_url = server:secure_url(),
      ca_file = certificates.ca_file,
      http2 = true,
      proxy = "",
      max_retries = 0,
      driver = server:driver(),
    }

    local _, err = client:try_invite_user(api.PARAMS)

    client:close()
    server:close()
    assert.equal("connection", err.kind)
    assert.equal("CONNECTION_LOST", err.code)
    assert.equal("unknown", err.outcome)
  end)
end)
