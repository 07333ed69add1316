--- A job that ended while it waited in line, at its deadline, was kept by its client for ever.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"

describe("a job that ends before it was ever sent", function()
  it("is let go by its client", function()
    local server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.CREATED)
    end)
    local client = aitronos.new {
      api_key = "ak_test",
      base_url = server:url(),
      proxy = "",
      rate = 1,
      deadline = 30,
      driver = server:driver(),
    }
    client:invite_user(api.PARAMS)

    local job = client:submit(api.PARAMS)
    local jobs = setmetatable({ job }, { __mode = "v" })
    assert.equal(1, client:turn())
    assert.is_true(job:done())
    job = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()

    assert.is_nil(jobs[1])
    client:close()
    server:close()
  end)
end)
