--- A finalizer of the host's that ran while a call was taken in could close the client, which ended
--- the process, or take out of the params what the URL needs after it had been checked.

local aitronos = require "aitronos"
local with_finalizer = require "spec.support.finalizer"

local TIMES = 3000

describe("a finalizer that runs while a call is taken in", function()
  local pause, stepmul

  -- So that the collector runs all the time, and ends anywhere.
  setup(function()
    pause, stepmul = collectgarbage("setpause", 1), collectgarbage("setstepmul", 200)
  end)

  teardown(function()
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", stepmul)
  end)

  -- Calls what a round returns, the second one from a finalizer: before, while or after the first
  -- one runs, and while it runs at least once.
  local function repeatedly(round)
    local meanwhile, made = 0, 0
    for number = 1, TIMES do
      local submit, finalize = round()
      local submitting = false
      with_finalizer(function()
        meanwhile = meanwhile + (submitting and 1 or 0)
        finalize()
      end)
      for _ = 1, number % 100 do -- so that each call begins elsewhere in the collector's work
        made = made + #{ number }
      end
      submitting = true
      submit()
      submitting = false
    end
    assert.is_true(made > 0)
    -- A collector that never pauses has always been there before.
    assert.is_true(meanwhile > 0 or os.getenv "GC_STRESS" ~= nil)
  end

  local function make_client()
    return aitronos.new { api_key = "ak_test", base_url = "http://127.0.0.1:1", proxy = "" }
  end

  local function params()
    return { organization_id = "org_1", email = "a@example.com", role_id = "role_x" }
  end

  it("may close the client", function()
    repeatedly(function()
      local client = make_client()
      return function()
        local fine, job = pcall(client.submit, client, params())
        client:close()
        if fine then
          assert.is_true(job:done())
        else
          assert.equal("CLIENT_CLOSED", job.code)
        end
      end, function() client:close() end
    end)
  end)

  it("may change the params", function()
    local client = make_client()
    repeatedly(function()
      local given = params()
      return function()
        local fine, job = pcall(client.submit, client, given)
        if fine then
          job:cancel()
        else
          assert.equal("organization_id: is required", job.message)
        end
      end, function() given.organization_id = nil end
    end)
    client:close()
  end)
end)
