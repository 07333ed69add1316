--- How often and when a call sends, what it believes of a look-up, and what it says when it is
--- ended from outside. The whole matrix of faults stands in faults_spec.lua.

local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"
local patiently = require "spec.support.patiently"

local FOUND = api.response(200, api.found())
local FAILED = api.response(500, "")
local TOO_EARLY = api.response(425, "", { "Retry-After: 0" })

describe("a call", function()
  local exchange = Exchange.each()

  local function serve(posts, gets)
    exchange:answer(posts, gets)
  end

  local function connect(options)
    local all = { base_url = exchange.server:url("/prefix"), settle = 0 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    return exchange:connect(all)
  end

  local function call(options, params)
    return connect(options):try_invite_user(params or api.PARAMS)
  end

  local function params(fields)
    local all = { organization_id = "org_xyz789", email = api.EMAIL }
    for name, value in pairs(fields) do
      all[name] = value
    end
    return all
  end

  describe("that is turned away", function()
    it("is sent max_retries times again and no more", function()
      serve { TOO_EARLY }

      local _, err = call { max_retries = 2 }

      assert.equal(3, exchange.server:count("POST"))
      assert.equal(3, err.attempts)
      assert.equal(425, err.status)
      assert.is_true(err.retryable)
    end)

    it("is not sent again where max_retries is 0", function()
      serve { TOO_EARLY }

      local _, err = call { max_retries = 0 }

      assert.equal(1, exchange.server:count("POST"))
      assert.equal("rejected", err.outcome)
    end)

    for _, status in ipairs { 425, 429 } do
      it("is not sent again before the server's seconds are over: " .. status, function()
        serve { api.response(status, "", { "Retry-After: 1" }), api.CREATED }
        local sent = {}

        call {
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
      serve { api.response(429, "", { "Retry-After: " .. date }) }
      local delay
      local job = connect({
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
      serve { api.response(429, "", { "Retry-After: 101" }) }

      local _, err = call { deadline = 100 }

      assert.equal("POST", exchange:methods())
      assert.equal("rate_limit", err.kind)
      assert.equal(101, err.retry_after)
      assert.equal("rejected", err.outcome)
      assert.is_true(err.retryable)
    end)

    for _, status in ipairs { 425, 429, 503 } do
      it("is not sent again against the server's veto: " .. status, function()
        serve { api.response(status, "", { "Retry-After: 0", "x-should-retry: false" }) }

        local _, err = call()

        assert.equal("POST", exchange:methods())
        assert.equal("rejected", err.outcome)
        assert.is_false(err.retryable)
      end)
    end
  end)

  describe("in doubt", function()
    it("is looked up and not sent again where max_retries is 0", function()
      serve({ FAILED }, { api.ABSENT })

      local _, err = call { max_retries = 0 }

      assert.equal(1, exchange.server:count("POST"))
      assert.equal("server", err.kind)
      assert.equal("rejected", err.outcome)
      assert.is_true(err.retryable)
    end)

    it("is looked up and not sent again against the server's veto", function()
      serve({ api.response(500, "", { "x-should-retry: false" }) }, { api.ABSENT })

      local _, err = call()

      assert.equal(1, exchange.server:count("POST"))
      assert.is_true(exchange.server:count("GET") > 0)
      assert.equal("rejected", err.outcome)
      assert.is_false(err.retryable)
    end)

    it("is sent once more and no more, whatever max_retries says", function()
      serve({ FAILED }, { api.ABSENT })

      local _, err = call { max_retries = 9 }

      assert.equal(2, exchange.server:count("POST"))
      assert.equal(2, err.attempts)
      assert.equal("rejected", err.outcome)
    end)

    it("ends where absence could not be proven within the deadline", function()
      serve({ FAILED }, { api.ABSENT })

      local _, err = call { settle = 400, deadline = 100 }

      assert.equal("POST GET", exchange:methods())
      assert.equal("server", err.kind)
      assert.equal("unknown", err.outcome)
    end)

    it("is looked up again where its second sending meets an invitation", function()
      local conflict = api.response(409, api.problem("INVITATION_EXISTS"))
      serve({ FAILED, conflict }, { api.ABSENT, FOUND })

      local invitation, response = call()

      assert.equal("POST GET POST GET", exchange:methods())
      assert.equal(api.FOUND, invitation.invitation_id)
      assert.is_true(response.reconciled)
      assert.equal(2, response.attempts)
    end)

    it("stays so where its second sending meets an invitation that no look-up finds", function()
      local conflict = api.response(409, api.problem("INVITATION_EXISTS"))
      serve({ FAILED, conflict }, { api.ABSENT })

      local _, err = call()

      assert.equal(2, exchange.server:count("POST"))
      assert.equal("conflict", err.kind)
      assert.equal("unknown", err.outcome)
    end)
  end)

  describe("that looks up", function()
    it("asks for the whole address, with the credential and without a body", function()
      serve({ FAILED }, { FOUND })
      local before = "/prefix/v1/organizations/org_xyz789/"

      call(nil, params { email = "a+b&c=d@example.com", role_id = api.ROLE })

      local sent = exchange.server.requests
      local post, get = sent[1], sent[2]
      assert.equal(before .. "invite-user", post.path)
      assert.equal("application/json", post.headers["content-type"])
      assert.equal(before .. "invitation?email=a%2Bb%26c%3Dd%40example.com", get.path)
      assert.equal("ak_test", get.headers["x-api-key"])
      assert.is_nil(get.headers["content-type"])
      assert.is_nil(get.headers["content-length"])
      assert.is_nil(get.headers["transfer-encoding"])
      assert.equal("", get.body)
    end)

    it("believes an answer for the address in other letter case", function()
      serve({ FAILED }, { api.response(200, api.found { email = api.EMAIL:upper() }) })

      local invitation = call()

      assert.equal(api.FOUND, invitation.invitation_id)
    end)

    it("takes any role where it named none by id", function()
      serve({ FAILED }, { api.response(200, api.found { role_id = "role_admin" }) })

      local invitation, response = call(nil, params { role_name = "Member" })

      assert.equal("role_admin", invitation.role_id)
      assert.is_true(response.reconciled)
    end)

    it("is a conflict where the invitation has another role", function()
      serve({ FAILED }, { api.response(200, api.found { role_id = "role_admin" }) })

      local _, err = call()

      assert.equal("conflict", err.kind)
      assert.equal("INVITATION_ROLE_DIFFERS", err.code)
      assert.is_false(err.retryable)
    end)

    for name, answer in pairs {
      ["another address"] = api.response(200, api.found { email = "old.member@example.com" }),
      ["no address"] = api.response(200, '{"invitation_id":"inv_x"}'),
      ["no invitation"] = api.response(200, "{}"),
      ["HTML"] = api.response(200, api.HTML),
      ["a 404 of a gateway"] = api.response(404, api.HTML),
      ["a 404 without a code"] = api.response(404, '{"error":{}}'),
      ["a 404 in another shape"] = api.response(404, '{"detail":"Not Found"}'),
      ["a 404 cut short"] = function(connection)
        connection:write(api.ABSENT:sub(1, -2))
      end,
      ["a refusal"] = api.response(403, api.problem("INSUFFICIENT_PERMISSIONS")),
      ["a redirect"] = api.response(302, "", { "Location: /elsewhere" }),
    } do
      it("learns nothing from this: " .. name, function()
        serve({ FAILED }, { answer })

        local _, err = call { max_retries = 0 }

        assert.equal(1, exchange.server:count("POST"))
        assert.equal("server", err.kind)
        assert.equal("unknown", err.outcome)
        assert.is_false(err.retryable)
      end)
    end

    it("tells an older invitation by the server's own clock", function()
      local day = 86400
      local function found(age)
        local now = os.time() + day
        return api.response(200,
          api.found { created_at = os.date("!%Y-%m-%dT%H:%M:%SZ", now - age) },
          { os.date("!Date: %a, %d %b %Y %H:%M:%S GMT", now) })
      end
      serve({ FAILED }, { found(0), found(3600) })

      local _, new = call()
      local _, old = exchange.client:try_invite_user(api.PARAMS)

      assert.is_false(new.existing)
      assert.is_true(old.existing)
    end)
  end)

  describe("among many", function()
    local function submit(n)
      local jobs = {}
      for i = 1, n do
        jobs[i] = exchange.client:submit(api.PARAMS)
      end
      exchange:run(function()
        for _, job in ipairs(jobs) do
          if not job:done() then
            return false
          end
        end
        return true
      end)
      return jobs
    end

    it("is not sent again once the retries of a client are used up", function()
      local answer = TOO_EARLY
      exchange:serve(function(connection)
        while connection:read_request() do
          connection:write(answer)
        end
      end)
      connect { max_retries = 1 }

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
      connect { concurrency = 3 }

      submit(10)

      assert.equal(3, most)
      assert.equal(10, exchange.server:count("POST"))
    end)
  end)

  -- Each phase: what the server does, when the phase is reached, what is known of the invitation.
  local PHASES = {
    {
      name = "before the first turn",
      posts = { api.CREATED },
      reached = function()
        return true
      end,
      outcome = "not_sent",
    },
    {
      name = "while a connection is made",
      accept = function(connection)
        connection:hang()
      end,
      secure = true,
      reached = function(server)
        return server.accepted == 1
      end,
      outcome = "not_sent",
    },
    {
      name = "while it waits after it could not be sent",
      accept = function() end,
      secure = true,
      waits = true,
      max_retries = 100, -- chance may make one wait too short to be seen
      reached = function(server)
        return server.accepted >= 1
      end,
      outcome = "not_sent",
    },
    {
      name = "while the server works on it",
      posts = { false },
      reached = function(server)
        return server:count("POST") == 1
      end,
      outcome = "unknown",
    },
    {
      name = "while it waits after it was turned away",
      posts = { api.response(429, "", { "Retry-After: 30" }) },
      waits = true,
      reached = function(server)
        return server:count("POST") == 1
      end,
      outcome = "rejected",
    },
    {
      name = "while it is looked up",
      posts = { FAILED },
      gets = { false },
      reached = function(server)
        return server:count("GET") == 1
      end,
      outcome = "unknown",
    },
    {
      name = "while absence is being proven",
      posts = { FAILED },
      gets = { api.ABSENT },
      waits = true,
      reached = function(server)
        return server:count("GET") == 1
      end,
      outcome = "unknown",
    },
    {
      name = "while it is sent again after absence was proven",
      posts = { FAILED, false },
      gets = { api.ABSENT },
      settle = 0,
      reached = function(server)
        return server:count("POST") == 2
      end,
      outcome = "unknown",
    },
  }

  local function submit_until(phase)
    if phase.accept then
      exchange:serve(phase.accept)
    else
      serve(phase.posts, phase.gets)
    end
    local server = exchange.server
    connect {
      base_url = phase.secure and server:secure_url() or server:url(),
      settle = phase.settle or 60,
      deadline = 300,
      max_retries = phase.max_retries,
    }
    local job = exchange.client:submit(api.PARAMS)
    exchange:run(function()
      return phase.reached(server)
        and (not phase.waits or tostring(job):find("waiting", 1, true) ~= nil)
    end)
    return job
  end

  for _, phase in ipairs(PHASES) do
    it("can be cancelled " .. phase.name, function()
      local job = submit_until(phase)

      job:cancel()

      assert.is_true(job:done())
      local requests = #exchange.server.requests
      local invitation, err = job:try_result()
      assert.is_nil(invitation)
      assert.equal("cancelled", err.kind)
      assert.equal("CANCELLED", err.code)
      assert.equal(phase.outcome, err.outcome)
      exchange.client:turn(0)
      assert.equal(requests, #exchange.server.requests)
    end)

    it("ends with its client " .. phase.name, function()
      local job = submit_until(phase)

      exchange.client:close()

      assert.is_true(job:done())
      local invitation, err = job:try_result()
      assert.is_nil(invitation)
      assert.equal("cancelled", err.kind)
      assert.equal("CLIENT_CLOSED", err.code)
      assert.equal(phase.outcome, err.outcome)
      assert.equal(phase.outcome ~= "unknown", err.retryable)
    end)
  end

  it("keeps its result where it is cancelled too late", function()
    serve { api.CREATED }
    local client = connect()
    local job = client:submit(api.PARAMS)
    exchange.server:driver().wait(client, job)

    job:cancel()

    assert.equal(api.INVITATION, job:result().invitation_id)
  end)

  it("ends in flight at its deadline, of unknown outcome", function()
    local err
    patiently(function(scale)
      exchange:close()
      serve { false }
      err = select(2, call { deadline = 0.2 * scale })
      return exchange:kept_up()
    end)

    assert.equal("POST", exchange:methods())
    assert.equal("timeout", err.kind)
    assert.equal("DEADLINE_EXCEEDED", err.code)
    assert.equal("unknown", err.outcome)
  end)
end)
