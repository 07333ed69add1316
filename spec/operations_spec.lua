--- The operations beside invite_user, on the wire: what each sends and what it makes of answers.
local Exchange = require "spec.support.exchange"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local cjson = require "cjson"

local response = api.response
local KEY = "uuid-12345678-secret"
local ORG = "org_xyz789"

local PARAMS = {
  get_invitation = { organization_id = ORG, email = "a+b@example.com" },
  resend_invitation = { organization_id = ORG, user_id = "usr_xyz789" },
  resend_invitations = { organization_id = ORG, user_ids = { "usr_1", "usr_2" } },
  validate_invitation = { email_key = KEY },
  accept_invitation = { email_key = KEY },
  complete_invitation = { email_key = KEY, full_name = "Ida Ünal", password = "pass\"word\n" },
  list_roles = { organization_id = ORG },
}

-- What the API's own examples answer with.
local ANSWERS = {
  get_invitation = api.found(),
  resend_invitation = '{"success":true,"message":"Invitation email resent successfully"}',
  resend_invitations = '{"success_count":2,"failure_count":0,"failed_operations":[]}',
  validate_invitation = '{"valid":true,"invitation_id":"inv_1","email":"a@example.com"}',
  accept_invitation = '{"success":true,"organization_id":"org_xyz789","role_name":"Member"}',
  complete_invitation = '{"success":true,"user_id":"usr_1","token":"jwt","device_id":null}',
  list_roles = '{"roles":[{"id":"role_member","name":"Member"}]}',
}

local REQUESTS = {
  get_invitation = "GET /v1/organizations/org_xyz789/invitation?email=a%2Bb%40example.com",
  resend_invitation = "POST /v1/organizations/org_xyz789/users/usr_xyz789/resend-invitation",
  resend_invitations = "POST /v1/organizations/org_xyz789/users/resend-invitation-bulk",
  validate_invitation = "GET /v1/invitations/validate/uuid-12345678-secret",
  accept_invitation = "POST /v1/invitations/accept",
  complete_invitation = "POST /v1/invitations/complete",
  list_roles = "GET /v1/organizations/org_xyz789/roles",
}

local ANONYMOUS = { validate_invitation = true, complete_invitation = true }
local READS = { get_invitation = true, validate_invitation = true, list_roles = true }

describe("operations:", function()
  local exchange = Exchange.each { settle = 0, max_retries = 1 }

  local function answer_all(answers)
    exchange:answer(answers, answers)
  end

  -- A call of a new client, where all requests are answered with these, the last for ever.
  local function call(operation, params, answers, options)
    answer_all(answers)
    return exchange:connect(options)["try_" .. operation](exchange.client, params)
  end

  local function answered(operation, body, status)
    return call(operation, PARAMS[operation], { response(status or 200, body) })
  end

  local function last_request()
    return exchange.server.requests[#exchange.server.requests]
  end

  for operation, params in pairs(PARAMS) do
    describe(operation, function()
      it("sends what the API documents", function()
        local result, came = answered(operation, ANSWERS[operation])
        assert.is_table(result, tostring(came))
        local request = last_request()
        assert.equal(REQUESTS[operation], request.method .. " " .. request.path)
        local body = {}
        for name, value in pairs(params) do
          body[name] = name ~= "organization_id" and name ~= "user_id" and value or nil
        end
        if READS[operation] or not next(body) then
          assert.equal("", request.body)
        else
          assert.same(body, cjson.decode(request.body))
        end
        assert.equal(request.body ~= "" and "application/json" or nil,
          request.headers["content-type"])
        assert.equal(not ANONYMOUS[operation] and "ak_test" or nil, request.headers["x-api-key"])
        assert.equal(1, came.attempts)
      end)

      it("returns the server's object, nulls left out", function()
        local result = answered(operation, ANSWERS[operation])
        local expected = cjson.decode(ANSWERS[operation])
        for name, value in pairs(expected) do
          expected[name] = value ~= cjson.null and value or nil
        end
        assert.same(expected.roles or expected, result)
      end)

      it("sends a token no more than a key", function()
        answer_all { response(200, ANSWERS[operation]) }
        exchange.client = aitronos.new {
          bearer_token = "jwt_of_mine", proxy = "",
          base_url = exchange.server:url(), driver = exchange.server:driver(),
        }
        exchange.client[operation](exchange.client, params)
        assert.equal(not ANONYMOUS[operation] and "Bearer jwt_of_mine" or nil,
          last_request().headers.authorization)
      end)

      it("is rejected as the server says", function()
        local _, err = call(operation, params,
          { response(403, api.problem("INSUFFICIENT_PERMISSIONS")) })
        assert.equal("permission", err.kind)
        assert.equal("rejected", err.outcome)
        assert.equal(1, err.attempts)
      end)

      it("is sent again where it was turned away", function()
        local result, came = call(operation, params,
          { response(429, "", { "Retry-After: 0" }), response(200, ANSWERS[operation]) })
        assert.is_table(result)
        assert.equal(2, came.attempts)
      end)

      it("is in doubt after a lost answer, unless it only reads", function()
        local result, came = call(operation, params,
          { response(502, api.HTML), response(200, ANSWERS[operation]) })
        if READS[operation] then
          assert.is_table(result)
          assert.equal(2, came.attempts)
        else
          assert.is_nil(result)
          assert.equal("unknown", came.outcome)
          assert.is_false(came.retryable)
          assert.equal("POST", exchange:methods())
          assert.truthy(tostring(came):find("may have been done", 1, true))
        end
      end)

      it("takes nothing for an answer that is not its own", function()
        for _, body in ipairs { "", "true", "{}", "<html>", "[1" } do
          local result, err = answered(operation, body)
          if operation == "resend_invitation" and body == "" then
            assert.is_table(result)
          else
            assert.is_nil(result, body)
            assert.equal("protocol", err.kind)
            assert.equal(READS[operation] and "rejected" or "unknown", err.outcome)
            assert.equal(1, err.attempts)
          end
          exchange:close()
        end
      end)

      it("is in doubt if an earlier process may have sent it, unless it only reads", function()
        answer_all { response(200, ANSWERS[operation]) }
        local client = exchange:connect()
        local first, kinds = true, {}
        local run = client:for_each(operation, function()
          if #kinds < 2 then
            first = not first
            kinds[#kinds + 1] = "asked"
            return params, first
          end
        end, { concurrency = 1 })
        for index = 1, 2 do
          local outcome = run()
          if index == 1 or READS[operation] then
            assert.is_table(outcome.result)
          else
            assert.equal("EARLIER_RUN_INTERRUPTED", outcome.error.code)
            assert.equal("unknown", outcome.error.outcome)
            assert.is_false(outcome.error.retryable)
            assert.equal(1, #exchange.server.requests)
          end
        end
        assert.is_nil(run())
      end)

      it("rejected after a 503 is in doubt, unless it only reads", function()
        local _, err = call(operation, params, {
          response(503, "", { "Retry-After: 0" }), response(400, api.problem("USED")),
        })
        assert.equal("USED", err.code)
        assert.equal(2, err.attempts)
        assert.equal(READS[operation] and "rejected" or "unknown", err.outcome)
      end)

      it("raises in its other form", function()
        answer_all { response(404, api.problem("NONE")) }
        local client = exchange:connect()
        local fine, err = pcall(client[operation], client, params)
        assert.is_false(fine)
        assert.is_true(aitronos.is_error(err))
        assert.equal("NONE", err.code)
      end)

      it("can be submitted, and done for many", function()
        answer_all { response(200, ANSWERS[operation]) }
        local client = exchange:connect()
        local job = client:submit(params, operation)
        exchange:run(function() return job:done() end)
        assert.is_table((job:result()))
        local count = 0
        for outcome in client:for_each(operation, { params, params, {} }) do
          local fault = outcome.error and outcome.error.kind
          assert.equal(outcome.index == 3, outcome.result == nil)
          assert.equal(outcome.index == 3 and "argument" or nil, fault)
          count = count + 1
        end
        assert.equal(3, count)
      end)
    end)
  end

  it("a resend that is answered without content is done", function()
    local done, came = answered("resend_invitation", "", 204)
    assert.same({ success = true }, done)
    assert.equal(204, came.status)
    local _, err = answered("get_invitation", "", 204)
    assert.equal("NO_CONTENT", err.code)
  end)

  it("a list of roles may be bare", function()
    local roles = answered("list_roles", '[{"id":"role_1","name":"One","description":null}]')
    assert.same({ { id = "role_1", name = "One" } }, roles)
    exchange:close()
    assert.same({}, (answered("list_roles", "[]")))
    for _, body in ipairs { '{"roles":{"a":1}}', '{"roles":null}', "[null,{}]", '{"a":[]}' } do
      exchange:close()
      local _, err = answered("list_roles", body)
      assert.equal("UNEXPECTED_ANSWER", err.code)
    end
  end)

  it("an error that is a list says no more than its status", function()
    local _, err = answered("list_roles", "[1]", 403)
    assert.equal("permission", err.kind)
  end)

  it("a reading call whose body is cut short is repeated", function()
    local cut = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{"
    local result, came = call("list_roles", PARAMS.list_roles, {
      function(connection) connection:write(cut) end, response(200, ANSWERS.list_roles),
    })
    assert.is_table(result)
    assert.equal(2, came.attempts)
  end)

  it("a reading call whose answer is too large is not repeated", function()
    local _, err = call("list_roles", PARAMS.list_roles,
      { response(200, "[" .. ("0,"):rep(600) .. "0]") }, { max_response_bytes = 1024 })
    assert.equal("RESPONSE_TOO_LARGE", err.code)
    assert.equal(1, err.attempts)
    assert.is_false(err.retryable)
  end)

  it("a reading call that is cancelled in flight is not in doubt", function()
    answer_all { false }
    local client = exchange:connect()
    local job = client:submit(PARAMS.list_roles, "list_roles")
    exchange:run(function() return exchange.server.hung == 1 end)
    job:cancel()
    local _, err = job:try_result()
    assert.equal("cancelled", err.kind)
    assert.equal("rejected", err.outcome)
  end)

  it("the query has what was given", function()
    answered("list_roles", "[]")
    assert.equal(REQUESTS.list_roles, "GET " .. last_request().path)
    for _, value in ipairs { true, false } do
      exchange:close()
      call("list_roles", { organization_id = ORG, include_global = value }, { response(200, "[]") })
      assert.equal(REQUESTS.list_roles .. "?include_global=" .. tostring(value),
        "GET " .. last_request().path)
    end
  end)

  it("what stands in a URL stays in its place", function()
    call("validate_invitation", { email_key = "../a?b#c/d%2F" }, { response(200, "{}") })
    assert.equal("/v1/invitations/validate/..%2Fa%3Fb%23c%2Fd%252F", last_request().path)
  end)

  describe("before anything is sent", function()
    local function fault_of(operation, changes)
      local params = {}
      for name, value in pairs(PARAMS[operation]) do
        params[name] = value
      end
      for name, value in pairs(changes) do
        params[name] = value
      end
      local _, err = call(operation, params, { response(200, "{}") })
      assert.equal("argument", err.kind)
      assert.equal(0, #exchange.server.requests)
      exchange:close()
      return err.message
    end

    it("an id must not be a step in a path", function()
      for _, id in ipairs { ".", "..", "", ("x"):rep(1025), "a\nb", "\255" } do
        assert.truthy(fault_of("resend_invitation", { user_id = id }):find("^user_id: must "))
        assert.truthy(fault_of("validate_invitation", { email_key = id }):find("^email_key: must "))
      end
    end)

    it("exactly one thing selects an invitation", function()
      assert.equal("user_id: give only one of email and user_id and invitation_id",
        fault_of("get_invitation", { invitation_id = "inv_1" }))
      local _, err = call("get_invitation", { organization_id = ORG }, { response(200, "{}") })
      assert.equal("email: is required: give email or user_id or invitation_id", err.message)
      exchange:close()
      assert.truthy(fault_of("get_invitation", { email = "nobody" }):find("exactly one @"))
    end)

    it("a list of ids is one, of 1 to 1,000", function()
      local many = {}
      for i = 1, 1001 do
        many[i] = "usr_" .. i
      end
      local size = "user_ids: must be a list of 1 to 1000 ids"
      assert.equal(size, fault_of("resend_invitations", { user_ids = many }))
      assert.equal(size, fault_of("resend_invitations", { user_ids = {} }))
      assert.equal("user_ids: must be a table, not string",
        fault_of("resend_invitations", { user_ids = "usr_1" }))
      assert.equal("user_ids: must be a list of strings, which it is not at 2",
        fault_of("resend_invitations", { user_ids = { "usr_1", 2 } }))
      assert.equal("user_ids: must be a list of strings, which it is not at 1",
        fault_of("resend_invitations", { user_ids = { id = "usr_1" } }))
      assert.equal("user_ids: must not be empty, at 2",
        fault_of("resend_invitations", { user_ids = { "usr_1", "" } }))
    end)

    it("a thousand ids are taken", function()
      local many = {}
      for i = 1, 1000 do
        many[i] = "usr_" .. i
      end
      local params = { organization_id = ORG, user_ids = many }
      assert.is_table((call("resend_invitations", params,
        { response(200, ANSWERS.resend_invitations) })))
    end)

    it("names and passwords have their lengths, counted in characters", function()
      assert.equal("full_name: must be at most 255 characters long",
        fault_of("complete_invitation", { full_name = ("ü"):rep(256) }))
      assert.equal("password: must be at least 8 characters long",
        fault_of("complete_invitation", { password = "üüüüüüü" }))
      assert.equal("password: must be at most 1024 bytes long",
        fault_of("complete_invitation", { password = ("x"):rep(1025) }))
      assert.equal("password: must be valid UTF-8",
        fault_of("complete_invitation", { password = "\255\255\255\255\255\255\255\255" }))
      local params = { email_key = KEY, full_name = ("ü"):rep(255), password = ("ü"):rep(8) }
      assert.is_table((call("complete_invitation", params,
        { response(200, ANSWERS.complete_invitation) })))
    end)

    it("an operation has a name that there is", function()
      answer_all { response(200, "{}") }
      local client = exchange:connect()
      for _, name in ipairs { "delete_everything", "", false } do
        for _, method in ipairs { "submit", "for_each" } do
          local first, second = {}, name
          if method == "for_each" then
            first, second = second, first
          end
          local _, err = pcall(client[method], client, first, second)
          assert.equal("operation: must be the name of an operation, such as invite_user",
            err.message)
        end
      end
    end)
  end)

  describe("secrets are in no event and no Error where the server", function()
    local PASSWORD = "hunter2 \"hunter2\""
    local quoted = cjson.encode(PASSWORD):sub(2, -2)

    local REPEATS = {
      ["names them"] = '{"error":{"code":"X","message":"password=%s email_key: %s"}}',
      ["says them"] = '{"error":{"code":"X","message":"%s is too common, and %s is used"}}',
      ["says the path"] = '{"error":{"code":"X","message":"%s","details":{"path":"/validate/%s"}}}',
      ["lists them"] = '{"detail":[{"loc":["body","password"],"msg":"%s","input":"%s"}]}',
      ["has them in its older shape"] = '{"detail":"%s","errors":[{"field":"x","message":"%s"}]}',
    }

    for how, body in pairs(REPEATS) do
      it(how, function()
        for _, operation in ipairs { "complete_invitation", "validate_invitation" } do
          local params = { email_key = KEY }
          if operation == "complete_invitation" then
            params.full_name, params.password = "Ida", PASSWORD
          end
          local events = {}
          local _, err = call(operation, params,
            { response(422, body:format(quoted, KEY), { "x-request-id: " .. KEY }) },
            { on_event = function(event) events[#events + 1] = event end })
          assert.equal("validation", err.kind)
          assert.equal(2, #events)
          assert.equal(operation, events[2].operation)
          events[2].error = nil
          local text = cjson.encode { err:to_table(), events } .. tostring(err)
          assert.truthy(text:find("***", 1, true))
          assert.is_nil(text:find(KEY, 1, true), text)
          assert.is_nil(params.password and text:find("hunter2", 1, true), text)
          exchange:close()
        end
      end)
    end
  end)

  it("a client without a credential does what needs none, and says what it can't do", function()
    for operation, params in pairs(PARAMS) do
      local result, err = call(operation, params, { response(200, ANSWERS[operation]) },
        { api_key = false })
      local request = exchange.server.requests[1]
      if ANONYMOUS[operation] then
        assert.is_table(result, tostring(err))
        assert.is_nil(request.headers["x-api-key"] or request.headers.authorization)
      else
        assert.equal("config", err.kind)
        assert.equal("NO_CREDENTIAL", err.code)
        assert.equal("not_sent", err.outcome)
        assert.is_nil(request)
      end
      exchange:close()
    end
  end)
end)
