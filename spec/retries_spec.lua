--- How often and when a call sends. The whole matrix of faults stands in faults_spec.lua.

local Exchange = require "spec.support.exchange"
local all_done = require "spec.support.all_done"
local api = require "spec.support.api"

local FOUND = api.response(200, api.found())
local FAILED = api.response(500, "")
local TOO_EARLY = api.response(425, "", { "Retry-After: 0" })

describe("a call", function()
  local exchange = Exchange.each { settle = 0 }

  describe("that is turned away", function()
    it("is sent max_retries times again and no more", function()
      exchange:answer { TOO_EARLY }

      local _, err = exchange:call { max_retries = 2 }

      assert.equal(3, exchange.server:count("POST"))
      assert.equal(3, err.attempts)
      assert.equal(425, err.status)
      assert.is_true(err.retryable)
    end)

    it("is not sent again where max_retries is 0", function()
      exchange:answer { TOO_EARLY }

      local _, err = exchange:call { max_retries = 0 }

      assert.equal(1, exchange.server:count("POST"))
      assert.equal("rejected", err.outcome)
    end)

    for _, status in ipairs { 425, 429 } do
      it("is not sent again before the server's seconds are over: " .. status, function()
        exchange:answer { api.response(status, "", { "Retry-After: 1" }), api.CREATED }
        local sent = {}

        exchange:call {
          on_event = function(event)
            if event.name == "request" then
              sent[#sent + 1] = event.elapsed
            end
          end,
        }

        -- The core counts in whole milliseconds, and may lose most of one.
        assert.equal(2, #sent)
        assert.is_true(sent[2] - sent[1] >= 1 - 0.001)
      end)
    end

    it("waits for the date that the server gave", function()
      local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 7200)
      exchange:answer { api.response(429, "", { "Retry-After: " .. date }) }
      local delay
      local job = exchange:connect({
        deadline = 86400,
        on_event = function(event)
          delay = delay or event.name == "retry" and event.delay
        end,
      }):submit(api.PARAMS)

      exchange:run(function()
        return delay or job:done()
      end)

      -- Up to a tenth more, since others were told the same.
      assert.is_true(delay > 7200 - 600 and delay <= 7200 + 720)
    end)

    it("fails at once where the wait would cross the deadline", function()
      exchange:answer { api.response(429, "", { "Retry-After: 101" }) }

      local _, err = exchange:call { deadline = 100 }

      assert.equal("POST", exchange:methods())
      assert.equal("rate_limit", err.kind)
      assert.equal(101, err.retry_after)
      assert.equal("rejected", err.outcome)
      assert.is_true(err.retryable)
    end)

    for _, status in ipairs { 425, 429, 503 } do
      it("is not sent again against the server's veto: " .. status, function()
        exchange:answer { api.response(status, "", { "Retry-After: 0", "x-should-retry: false" }) }

        local _, err = exchange:call()

        assert.equal("POST", exchange:methods())
        assert.equal("rejected", err.outcome)
        assert.is_false(err.retryable)
      end)
    end
  end)

  describe("in doubt", function()
    it("is looked up and not sent again where max_retries is 0", function()
      exchange:answer({ FAILED }, { api.ABSENT })

      local _, err = exchange:call { max_retries = 0 }

      assert.equal(1, exchange.server:count("POST"))
      assert.equal("server", err.kind)
      assert.equal("rejected", err.outcome)
      assert.is_true(err.retryable)
    end)

    it("is looked up and not sent again against the server's veto", function()
      exchange:answer({ api.response(500, "", { "x-should-retry: false" }) }, { api.ABSENT })

      local _, err = exchange:call()

      assert.equal(1, exchange.server:count("POST"))
      assert.is_true(exchange.server:count("GET") > 0)
      assert.equal("rejected", err.outcome)
      assert.is_false(err.retryable)
    end)

    it("is sent once more and no more, whatever max_retries says", function()
      exchange:answer({ FAILED }, { api.ABSENT })

      local _, err = exchange:call { max_retries = 9 }

      assert.equal(2, exchange.server:count("POST"))
      assert.equal(2, err.attempts)
      assert.equal("rejected", err.outcome)
    end)

    it("ends where absence could not be proven within the deadline", function()
      exchange:answer({ FAILED }, { api.ABSENT })

      local _, err = exchange:call { settle = 400, deadline = 100 }

      assert.equal("POST GET", exchange:methods())
      assert.equal("server", err.kind)
      assert.equal("unknown", err.outcome)
    end)

    it("is looked up again where its second sending meets an invitation", function()
      local conflict = api.response(409, api.problem("INVITATION_EXISTS"))
      exchange:answer({ FAILED, conflict }, { api.ABSENT, FOUND })

      local invitation, response = exchange:call()

      assert.equal("POST GET POST GET", exchange:methods())
      assert.equal(api.FOUND, invitation.invitation_id)
      assert.is_true(response.reconciled)
      assert.equal(2, response.attempts)
    end)

    it("stays so where its second sending meets an invitation that no look-up finds", function()
      local conflict = api.response(409, api.problem("INVITATION_EXISTS"))
      exchange:answer({ FAILED, conflict }, { api.ABSENT })

      local _, err = exchange:call()

      assert.equal(2, exchange.server:count("POST"))
      assert.equal("conflict", err.kind)
      assert.equal("unknown", err.outcome)
    end)
  end)

  describe("among many", function()
    local function submit(n)
      local jobs = {}
      for i = 1, n do
        jobs[i] = exchange.client:submit(api.PARAMS)
      end
      exchange:run(all_done(jobs))
      return jobs
    end

    it("is not sent again once the retries of a client are used up", function()
      local answer = TOO_EARLY
      exchange:serve(function(connection)
        while connection:read_request() do
          connection:write(answer)
        end
      end)
      exchange:connect { max_retries = 1 }

      submit(150)
      assert.equal(250, exchange.server:count("POST"))

      answer = api.CREATED
      submit(5)
      answer = TOO_EARLY
      submit(1)
      assert.equal(250 + 5 + 2, exchange.server:count("POST"))
      submit(1)
      assert.equal(250 + 5 + 2 + 1, exchange.server:count("POST"))
    end)

    it("waits until fewer than `concurrency` are under way", function()
      local most, now, begun = 0, 0, 0
      exchange:serve(function(connection)
        while connection:read_request() do
          now, begun = now + 1, begun + 1
          most = math.max(most, now)
          -- As many as will come have come; a few turns more for one too many.
          connection:wait_until(function()
            return now >= 3 or begun == 10
          end)
          for _ = 1, 5 do
            connection:pause()
          end
          now = now - 1
          connection:write(api.CREATED)
        end
      end)
      exchange:connect { concurrency = 3 }

      submit(10)

      assert.equal(3, most)
      assert.equal(10, exchange.server:count("POST"))
    end)
  end)
end)
