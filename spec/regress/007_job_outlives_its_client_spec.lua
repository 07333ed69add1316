--- Where a client became garbage along with a job in flight, a finalizer of the host's that ran
--- after the client's and cancelled the job ended the process.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local with_finalizer = require "spec.support.finalizer"

describe("a job whose client has been collected", function()
  it("has ended, and can be cancelled", function()
    local server = Server.new(function(connection)
      connection:hang()
    end)
    local cancelled, err

    local function leave_as_garbage()
      local job
      -- Finalizers run in the reverse order in which their objects were made.
      local guard = with_finalizer(function()
        cancelled = pcall(job.cancel, job)
        err = select(2, pcall(job.result, job))
      end)
      local client = aitronos.new { api_key = "ak_test", base_url = server:url(), proxy = "" }
      job = client:submit(api.PARAMS)
      client:turn()
      return guard and nil
    end
    leave_as_garbage()
    collectgarbage()
    collectgarbage()

    server:close()
    assert.is_true(cancelled)
    assert.equal("cancelled", err.kind)
    assert.equal("CLIENT_CLOSED", err.code)
  end)
end)
