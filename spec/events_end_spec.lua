--- The last event of every call: how it ended.
local aitronos = require "aitronos"
local api = require "spec.support.api"
local Server = require "spec.support.server"

describe("the last event of a call", function()
  local server, client, ends

  -- Answers every request with this; nothing: leaves it unanswered.
  local function serve(answer, options)
    ends = {}
    server = Server.new(function(connection)
      while connection:read_request() do
        if answer then
          connection:write(answer)
        end
      end
    end)
    local given = {
      api_key = "canary_1234567890",
      base_url = server:url(),
      settle = 0,
      on_event = function(event)
        if event.done then
          ends[#ends + 1] = event
        end
      end,
    }
    for key, value in pairs(options or {}) do
      given[key] = value
    end
    client = aitronos.new(given)
  end

  local function finish(job)
    Server.run_all({ server }, { client }, function()
      return job:done()
    end)
  end

  after_each(function()
    client:close()
    server:close()
  end)

  it("tells that the invitation was made", function()
    serve(api.CREATED)
    finish(client:submit(api.PARAMS))
    assert.equal(1, #ends)
    assert.equal("response", ends[1].name)
    assert.equal("made", ends[1].outcome)
    assert.is_nil(ends[1].error)
    assert.equal(201, ends[1].status)
  end)

  it("has the Error of one that failed", function()
    serve(api.response(403, api.problem("FORBIDDEN")))
    local job = client:submit(api.PARAMS)
    finish(job)
    local _, err = job:try_result()
    assert.equal(1, #ends)
    assert.equal("rejected", ends[1].outcome)
    assert.equal(err, ends[1].error)
    assert.is_true(aitronos.is_error(ends[1].error))
  end)

  it("comes once, after the attempts that were not the last", function()
    serve(api.response(429, "{}", { "Retry-After: 0" }), { max_retries = 2 })
    finish(client:submit(api.PARAMS))
    assert.equal(3, server:count "POST")
    assert.equal(1, #ends)
    assert.equal(429, ends[1].error.status)
  end)

  it("comes where a call is cancelled in line, and in flight", function()
    serve(nil, { concurrency = 1 })
    local first, second = client:submit(api.PARAMS), client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return server:count "POST" == 1
    end)
    second:cancel()
    first:cancel()
    assert.equal(2, #ends)
    assert.equal("not_sent", ends[1].outcome)
    assert.equal("unknown", ends[2].outcome)
    for i = 1, 2 do
      assert.equal("response", ends[i].name)
      assert.equal("cancelled", ends[i].failure)
      assert.equal("cancelled", ends[i].error.kind)
      assert.is_nil(ends[i].status)
    end
    assert.not_equal(ends[1].job, ends[2].job)
  end)

  it("comes where a call waits in line beyond its deadline", function()
    serve(nil, { concurrency = 1, deadline = 0.05, timeout = 60 })
    local first, second = client:submit(api.PARAMS), client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return first:done() and second:done()
    end)
    assert.equal(2, #ends)
    for i = 1, 2 do
      assert.equal("DEADLINE_EXCEEDED", ends[i].error.code)
    end
  end)

  it("may submit another call, and cancel one", function()
    local another
    serve(api.CREATED, {
      on_event = function(event)
        if event.done and not another then
          another = client:submit(api.PARAMS)
          local third = client:submit(api.PARAMS)
          third:cancel()
          assert(third:done())
        end
      end,
    })
    client:submit(api.PARAMS)
    Server.run_all({ server }, { client }, function()
      return another and another:done()
    end)
    assert.equal(api.INVITATION, another:result().invitation_id)
    assert.equal(2, server:count "POST")
  end)

  it("does not come for those that close() ends, whose caller knows", function()
    serve(api.CREATED)
    client:submit(api.PARAMS)
    client:close()
    assert.equal(0, #ends)
  end)
end)
