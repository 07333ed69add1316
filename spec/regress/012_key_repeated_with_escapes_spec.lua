--- A key with a slash in it was not masked where a server repeated it as JSON may write it: "\/".
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("an error that repeats the key with JSON's escapes", function()
  it("does not bring it into an Error", function()
    local server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.response(403, api.problem("FORBIDDEN", [[not \"ab\/cd\\ef=gh\/\/\"]])))
    end)
    local client = aitronos.new {
      bearer_token = [[ab/cd\ef=gh//]],
      base_url = server:url(),
      proxy = "",
      driver = server:driver(),
    }

    local _, err = client:try_invite_user(api.PARAMS)

    client:close()
    server:close()
    assert.truthy(err.message:find('^not "%*+"$'), err.message)
  end)
end)
