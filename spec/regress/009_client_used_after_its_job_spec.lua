--- A finalizer of the host's that used a client after the client's job had been collected ended
--- the process: the client still had the job in line.
local aitronos = require "aitronos"
local api = require "spec.support.api"
local with_finalizer = require "spec.support.finalizer"

describe("a client whose job has been collected before it", function()
  it("can be used", function()
    local fine, finished

    local function leave_as_garbage()
      local client = aitronos.new { api_key = "ak_test", base_url = "http://127.0.0.1:1" }
      local guard = with_finalizer(function()
        fine, finished = pcall(client.turn, client, 0)
      end)
      -- made last, and so collected first
      client:submit(api.PARAMS)
      return guard and nil
    end
    leave_as_garbage()
    collectgarbage()
    collectgarbage()

    assert.is_true(fine)
    assert.equal(0, finished)
  end)
end)

describe("a job's metatable", function()
  it("is not to be had", function()
    local client = aitronos.new { api_key = "ak_test", base_url = "http://127.0.0.1:1" }
    assert.is_false(getmetatable(client:submit(api.PARAMS)))
    client:close()
  end)
end)
