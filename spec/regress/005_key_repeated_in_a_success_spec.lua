--- A server that repeated the key in a header of a 201 brought it into the response and, as a
--- request id, into events.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("a success whose headers repeat the key", function()
  it("does not bring it into the response nor into an event", function()
    local key = "ak_0123456789abcdef"
    local server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.response(201, api.made(), { "X-Request-Id: " .. key, "X-Key: " .. key }))
    end)
    local told
    local client = aitronos.new {
      api_key = key,
      base_url = server:url(),
      proxy = "",
      driver = server:driver(),
      on_event = function(event)
        told = event.request_id
      end,
    }

    local _, response = client:invite_user(api.PARAMS)

    client:close()
    server:close()
    local asterisks = ("*"):rep(#key)
    assert.equal(asterisks, response.headers["x-key"])
    assert.equal(asterisks, response.request_id)
    assert.equal(asterisks, told)
  end)
end)
