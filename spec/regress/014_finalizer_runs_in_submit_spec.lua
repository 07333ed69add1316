--- A finalizer of the host's that ran while a call was taken in could close the client, which ended
--- the process, or take out of the params what the URL needs after it had been checked.

local process = require "spec.support.process"

-- In a process with next to nothing in its memory, so that the collector comes round all the time.
-- Each round calls `submit`, and `finalize` from a finalizer: before, meanwhile or afterwards.
local SCRIPT = [[
local aitronos = require "aitronos"
local with_finalizer = require "spec.support.finalizer"
collectgarbage("setpause", 1)
collectgarbage("setstepmul", 200)

local meanwhile, made = 0, 0
local function repeatedly(round)
  for number = 1, 3000 do
    local submit, finalize = round()
    local submitting = false
    with_finalizer(function()
      meanwhile = meanwhile + (submitting and 1 or 0)
      finalize()
    end)
    for _ = 1, number %% 100 do -- so that each call begins elsewhere in the collector's work
      made = made + #{ number }
    end
    submitting = true
    submit()
    submitting = false
  end
end

local function make_client()
  return aitronos.new { api_key = "ak_test", base_url = "http://127.0.0.1:1", proxy = "" }
end

local function params()
  return { organization_id = "org_1", email = "a@example.com", role_id = "role_x" }
end

%s
print(meanwhile > 0 and "meanwhile" or "never meanwhile")
]]

local function assert_runs(rounds)
  local code, output = process.start_script(SCRIPT:format(rounds)):finish()
  assert.equal(0, code, output)
  -- A collector that never pauses has always been there before.
  assert.equal(os.getenv "GC_STRESS" and output or "meanwhile\n", output)
end

describe("a finalizer that runs while a call is taken in", function()
  it("may close the client", function()
    assert_runs [[
      repeatedly(function()
        local client = make_client()
        return function()
          local fine, job = pcall(client.submit, client, params())
          client:close()
          assert(fine and job:done() or job.code == "CLIENT_CLOSED", tostring(job))
        end, function() client:close() end
      end)
    ]]
  end)

  it("may change the params", function()
    assert_runs [[
      local client = make_client()
      repeatedly(function()
        local given = params()
        return function()
          local fine, job = pcall(client.submit, client, given)
          assert(fine or job.message == "organization_id: is required", tostring(job))
          if fine then
            job:cancel()
          end
        end, function() given.organization_id = nil end
      end)
    ]]
  end)
end)
