-- The sandbox behaves as the API is documented to.

local cjson = require "cjson"
local eventually = require "spec.support.eventually"
local sandbox_client = require "spec.support.sandbox_client"
local shell = require "spec.support.shell"

local ORG = "org_xyz789"

local api

describe("the sandbox", function()
  setup(function() api = sandbox_client.start() end)
  teardown(function() api.server.stop() end)
  before_each(function() api.server.reset() end)

  describe("inviting", function()
    it("answers 201 with the documented fields", function()
      local answer = api:invite { email = "new@example.com", role_id = "role_member" }
      assert.equal(201, answer.status)
      local made = answer.json
      assert.truthy(made.invitation_id:find("^inv_%x+$"))
      assert.equal("new@example.com", made.email)
      assert.truthy(made.invitation_key:find("^uuid%-%x+%-%x+%-%x+%-%x+%-%x+$"))
      assert.is_true(made.is_new_user)
      assert.truthy(made.user_id:find("^usr_%x+$"))
      assert.truthy(made.expires_at:find("^%d+%-%d+%-%d+T%d+:%d+:%d+Z$"))
      local fields = 0
      for _ in pairs(made) do
        fields = fields + 1
      end
      assert.equal(6, fields)
    end)

    it("takes the key as a bearer token too", function()
      local answer = api:request("POST", "/v1/organizations/org_123/invite-user",
        { Authorization = "Bearer sandbox_admin", ["Content-Type"] = "application/json" },
        '{"email":"a@example.com","role_id":"role_admin"}')
      assert.equal(201, answer.status)
    end)

    it("takes role_name and send_email", function()
      local answer = api:invite { email = "a@example.com", role_name = "Admin", send_email = false }
      assert.equal(201, answer.status)
      assert.equal("role_admin", api:look_up_address("a@example.com").json.role_id)
    end)

    it("sends mail unless told not to", function()
      api:invite { email = "a@example.com", role_id = "role_member", send_invitation = false }
      api:invite { email = "b@example.com", role_id = "role_member", send_email = false }
      api:invite { email = "c@example.com", role_id = "role_member", send_invitation = true }
      local made = api:invite { email = "d@example.com", role_id = "role_member" }
      local mails = api:admin("outbox")
      assert.equal(2, #mails)
      assert.equal("c@example.com", mails[1].to)
      assert.equal("d@example.com", mails[2].to)
      assert.truthy(mails[2].invitation_link:find(made.json.invitation_key, 1, true))
    end)

    it("knows a user from another organization", function()
      local wish = { email = "a@example.com", role_id = "role_member" }
      local one = api:invite(wish, nil, "org_123").json
      local other = api:invite_address("A@Example.com").json
      assert.is_false(other.is_new_user)
      assert.equal(one.user_id, other.user_id)
      assert.not_equal(one.invitation_id, other.invitation_id)
    end)

    it("refuses who is invited or a member already, in any case", function()
      assert.equal(201, api:invite_address("a@example.com").status)
      api.assert_problem(409, "INVITATION_PENDING", api:invite_address("A@EXAMPLE.com"))
      api.assert_problem(409, "ALREADY_MEMBER", api:invite_address("Member@example.com"))
    end)

    it("refuses foreign domains for a closed organization", function()
      local function invite_closed(email)
        return api:invite({ email = email, role_id = "role_member" }, nil, "org_closed")
      end
      api.assert_problem(403, "DOMAIN_NOT_REGISTERED", invite_closed("a@example.com"))
      api.assert_problem(403, "DOMAIN_NOT_REGISTERED", invite_closed("a@not.closed.example"))
      assert.equal(201, invite_closed("a@Closed.example").status)
    end)
  end)

  describe("checking a body", function()
    local BAD = {
      { '{"role_id":"role_member"}', 422, "VALIDATION_ERROR", "email" },
      { '{"email":null,"role_id":"role_member"}', 422, "VALIDATION_ERROR", "email" },
      { '{"email":"nobody","role_id":"role_member"}', 422, "INVALID_EMAIL_FORMAT", "email" },
      { '{"email":"a@b@c.example","role_id":"role_member"}', 422, "INVALID_EMAIL_FORMAT", "email" },
      { '{"email":"a@b..example","role_id":"role_member"}', 422, "INVALID_EMAIL_FORMAT", "email" },
      { '{"email":"a@b.example"}', 422, "VALIDATION_ERROR", "role_id" },
      { '{"email":"a@b.example","role_id":"role_member","role_name":"Member"}',
        422, "VALIDATION_ERROR", "role_id" },
      { '{"email":"a@b.example","role_id":"role_chef"}', 404, "ROLE_NOT_FOUND", "role_id" },
      { '{"email":"a@b.example","role_name":"Chef"}', 404, "ROLE_NOT_FOUND", "role_name" },
      { '{"email":"a@b.example","role_id":"role_member","send_invitation":"no"}',
        422, "VALIDATION_ERROR", "send_invitation" },
      { '{"email":"a@b.example","role_id":"role_admin","send_email":true,"send_invitation":true}',
        422, "VALIDATION_ERROR", "send_invitation" },
      { '{"email":"a@b.example","role_id":"role_member","urgent":true}',
        422, "VALIDATION_ERROR", "urgent" },
      { "[]", 422, "VALIDATION_ERROR", "body" },
      { '"a@b.example"', 422, "VALIDATION_ERROR", "body" },
      { "{", 400, "VALIDATION_ERROR" },
      { "", 400, "VALIDATION_ERROR" },
    }

    for _, case in ipairs(BAD) do
      it("refuses " .. case[1], function()
        local problem = api.assert_problem(case[2], case[3], api:invite(case[1]))
        assert.equal(case[4], problem.details.field)
        assert.equal(404, api:look_up_address("a@b.example").status)
      end)
    end

    it("refuses what is not called JSON", function()
      local answer = api:request("POST", "/v1/organizations/org_123/invite-user", {
        ["x-api-key"] = "sandbox_owner",
        ["content-type"] = "text/plain",
      }, '{"email":"a@example.com","role_id":"role_admin"}')
      api.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE", answer)
    end)
  end)

  describe("letting in", function()
    local WISH = { email = "a@example.com", role_id = "role_member" }

    for key, code in pairs {
      sandbox_expired = "API_KEY_EXPIRED",
      sandbox_deactivated = "API_KEY_DEACTIVATED",
      sandbox_paused = "API_KEY_PAUSED",
      sandbox_unheard_of = "INVALID_API_KEY",
    } do
      it("refuses the key " .. key, function()
        api.assert_problem(401, code, api:invite(WISH, key))
        api.assert_problem(401, code, api:look_up("email=a%40example.com", key))
      end)
    end

    it("asks for a credential", function()
      api.assert_problem(401, "AUTHENTICATION_REQUIRED",
        api:request("POST", "/v1/organizations/org_123/invite-user", {}, cjson.encode(WISH)))
    end)

    it("lets owners and admins invite, and members only look", function()
      assert.equal(201, api:invite(WISH, "sandbox_admin").status)
      local problem = api.assert_problem(403, "INSUFFICIENT_PERMISSIONS",
        api:invite({ email = "b@example.com", role_id = "role_member" }, "sandbox_member"))
      assert.equal("You don't have permission to perform this action.", problem.message)
      assert.equal("client_error", problem.type)
      assert.is_nil(next(problem.details))
      assert.equal(200, api:look_up("email=a%40example.com", "sandbox_member").status)
    end)

    it("does not tell an unknown organization from a foreign one", function()
      api.assert_problem(403, "ORGANIZATION_ACCESS_DENIED", api:invite(WISH, nil, "org_unknown"))
    end)

    it("answers other paths and methods in the envelope", function()
      local key = { ["x-api-key"] = "sandbox_owner" }
      api.assert_problem(404, "NOT_FOUND", api:request("GET", "/v2/organizations", key))
      local answer = api:request("GET", "/v1/organizations/org_123/invite-user", key)
      api.assert_problem(405, "METHOD_NOT_ALLOWED", answer)
      assert.equal("POST", answer.headers.allow)
    end)
  end)

  describe("the look-up", function()
    local made

    before_each(function() made = api:invite_address("me+you@example.com").json end)

    it("finds by address, user or invitation", function()
      for _, query in ipairs {
        "email=me%2Byou%40example.com",
        "email=ME%2BYOU@example.com",
        "user_id=" .. made.user_id,
        "invitation_id=" .. made.invitation_id,
      } do
        local answer = api:look_up(query)
        assert.equal(200, answer.status)
        local found = answer.json
        assert.equal(made.invitation_id, found.invitation_id)
        assert.equal("me+you@example.com", found.email)
        assert.equal(made.user_id, found.user_id)
        assert.equal(ORG, found.organization_id)
        assert.equal("role_member", found.role_id)
        assert.equal("https://chat.aitronos.com/user/register?invite=" .. made.invitation_key,
          found.invitation_link)
        assert.equal(made.expires_at, found.expires_at)
        assert.truthy(found.created_at < found.expires_at)
        assert.is_nil(found.invitation_key)
      end
    end)

    it("reads an unescaped plus sign as a space", function()
      api.assert_problem(404, "INVITATION_NOT_FOUND", api:look_up("email=me+you@example.com"))
    end)

    it("finds nothing in another organization, and no members", function()
      api.assert_problem(404, "INVITATION_NOT_FOUND",
        api:look_up("email=me%2Byou%40example.com", nil, "org_123"))
      api.assert_problem(404, "INVITATION_NOT_FOUND", api:look_up("email=member%40example.com"))
      api.assert_problem(404, "INVITATION_NOT_FOUND", api:look_up("invitation_id=inv_unknown"))
    end)

    it("wants exactly one selector", function()
      for _, query in ipairs {
        "", "email=", "email", "email=a&email=b", "email=a%40example.com&user_id=usr_1",
        "email=a&user_id=usr_1&invitation_id=inv_1",
      } do
        api.assert_problem(400, "VALIDATION_ERROR", api:look_up(query))
      end
    end)
  end)

  describe("an answer", function()
    it("has an id of its own and both families of rate headers", function()
      local one = api:look_up("email=a%40example.com", "sandbox_owner").headers
      local other = api:look_up("email=a%40example.com", "sandbox_owner").headers
      assert.truthy(#one["x-request-id"] > 0)
      assert.not_equal(one["x-request-id"], other["x-request-id"])
      for _, name in ipairs {
        "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
        "x-ratelimit-retry-after", "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests",
        "freddy-processing-ms",
      } do
        assert.truthy(tonumber(one[name]), name)
      end
      assert.truthy(one["x-ratelimit-reset-requests"]:find("^%d+m?s?%d*s$"))
      assert.truthy(tonumber(one["x-ratelimit-reset"]) > 1e9)
      assert.equal("2025-01-01", one["freddy-api-version"])
      assert.equal(ORG, one["aitronos-organization"])
    end)

    it("is 429 once the bucket is empty, for that key alone", function()
      local answer
      local accepted = -1
      repeat
        accepted = accepted + 1
        answer = api:look_up("email=a%40example.com", "sandbox_owner")
      until answer.status ~= 404
      api.assert_problem(429, "RATE_LIMIT_EXCEEDED", answer)
      -- More than the burst, if time passed in which the bucket was refilled.
      assert.truthy(accepted >= 120)
      assert.equal("1", answer.headers["retry-after"])
      assert.equal("1", answer.headers["x-ratelimit-retry-after"])
      assert.equal("0", answer.headers["x-ratelimit-remaining"])
      assert.equal(404, api:look_up("email=a%40example.com", "sandbox_admin").status)
    end)

    it("never is 429 for the unlimited key, nor speaks of a limit", function()
      for _ = 1, 130 do
        local answer = api:look_up("email=a%40example.com", "sandbox_unlimited")
        assert.equal(404, answer.status)
        assert.is_nil(answer.headers["x-ratelimit-limit"])
        assert.is_nil(answer.headers["x-ratelimit-limit-requests"])
      end
    end)
  end)

  describe("the journal", function()
    it("keeps what came, in order, and what was answered", function()
      api:invite({ email = "a@example.com", role_id = "role_member" }, "sandbox_admin")
      api:look_up("email=b%40example.com", "sandbox_unheard_of")
      local all = eventually(function()
        local seen = api:admin("requests").requests
        return seen[2] and seen[2].status ~= cjson.null and seen
      end)
      assert.equal(2, #all)
      local one, other = all[1], all[2]
      assert.equal("POST", one.method)
      assert.equal("/v1/organizations/org_xyz789/invite-user", one.path)
      assert.equal(201, one.status)
      assert.equal("Admin", one.key)
      assert.equal(ORG, one.organization_id)
      assert.equal("a@example.com", one.email)
      assert.equal(#cjson.encode { email = "a@example.com", role_id = "role_member" },
        one.body_bytes)
      assert.equal(cjson.null, one.fault)
      assert.equal("GET", other.method)
      assert.equal(401, other.status)
      assert.equal(cjson.null, other.key)
    end)

    it("tells addresses apart", function()
      api:invite_address("a@example.com")
      api:invite_address("b@example.com")
      local seen = api:admin("requests?email=B%40example.com").requests
      assert.equal(1, #seen)
      assert.equal("b@example.com", seen[1].email)
    end)

    it("shows no status where nothing was answered", function()
      api:invite_address("fault+lostreply@example.com")
      local seen = api:admin("requests").requests[1]
      assert.equal(cjson.null, seen.status)
      assert.equal("lostreply", seen.fault)
    end)

    it("echoes headers and body, but no credential", function()
      local body = '{ "role_id":"role_member",\n"email":"a@example.com" }'
      api:invite(body)
      local last = api:admin("requests?raw=1&email=a%40example.com")
      assert.equal(body, last.body)
      assert.equal("sandbox_***", last.headers["x-api-key"])
      assert.equal("application/json", last.headers["content-type"])
      api:request("GET", "/v1/nowhere", { authorization = "Bearer oak_live_123" })
      local text = api.server.get("/_sandbox/requests?raw=1")
      assert.equal("Bearer ***", cjson.decode(text).headers.authorization)
      assert.is_nil(text:find("oak_live", 1, true))
    end)

    it("holds the last thousand", function()
      for number = 1, 1003 do
        api:look_up("user_id=usr_" .. number)
      end
      local seen = api:admin("requests").requests
      assert.equal(1000, #seen)
      assert.truthy(seen[1].path:find("usr_4$"))
      assert.truthy(seen[1000].path:find("usr_1003$"))
    end)

    it("is empty after a reset, as is all else", function()
      api:invite_address("a@example.com")
      api.server.reset()
      assert.equal(0, #api:admin("requests").requests)
      assert.equal(0, #api:admin("outbox"))
      assert.equal(404, api:look_up_address("a@example.com").status)
    end)
  end)

  describe("over TLS", function()
    local function curl(options, path)
      return shell.output_of(("curl -sS %s '%s%s' 2>&1")
        :format(options, api.server.https_base_url, path))
    end

    for version, option in pairs { ["1.1"] = "--http1.1", ["2"] = "--http2" } do
      it("speaks HTTP/" .. version .. " to those who trust its certificate", function()
        assert.equal("201 " .. version, curl(option .. " --cacert " .. api.server.ca_file
          .. " -o /dev/null -w '%{http_code} %{http_version}' -H 'X-API-Key: sandbox_owner'"
          .. " --json '{\"email\":\"a@example.com\",\"role_id\":\"role_member\"}'",
          "/v1/organizations/org_123/invite-user"))
      end)
    end

    it("is trusted under its address too", function()
      local address = api.server.https_base_url:gsub("localhost", "127.0.0.1")
      local pipe = io.popen(("curl -sS --cacert %s %s/_sandbox/health 2>&1")
        :format(api.server.ca_file, address))
      assert.equal("ok", cjson.decode(pipe:read("*a")).status)
      pipe:close()
    end)

    it("is not trusted by others", function()
      assert.truthy(curl("", "/_sandbox/health"):find("certificate", 1, true))
    end)
  end)
end)
