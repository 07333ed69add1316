--- An answer of nothing but blanks that filled its buffer was read beyond its end.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("an answer of blanks", function()
  for _, size in ipairs { 1, 255, 256, 257, 512, 4096 } do
    it("has no content, at " .. size .. " bytes", function()
      local blanks = (" \t\r\n"):rep(size):sub(1, size)
      local server = Server.new(function(connection)
        while connection:read_request() do
          connection:write(api.response(201, blanks))
        end
      end)
      local client = aitronos.new {
        api_key = "ak_test", base_url = server:url(), driver = server:driver(), max_retries = 0,
      }
      local _, err = client:try_invite_user(api.PARAMS)
      client:close()
      server:close()
      assert.equal("NO_CONTENT", err.code)
      assert.equal("unknown", err.outcome)
      assert.equal(1, server:count "POST")
    end)
  end
end)
