-- The sandbox plays the life of an invitation: looked up, sent again, validated, accepted, expired.

local cjson = require "cjson"
local sandbox_client = require "spec.support.sandbox_client"
local shell = require "spec.support.shell"

local ORG = "/v1/organizations/org_xyz789"
local CREW = "/v1/organizations/org_crew"
local DAY = 24 * 3600
local PASSWORD = "correct horse battery"
local NOBODY = "usr_0000000000000000"

local api

describe("an invitation in the sandbox", function()
  setup(function() api = sandbox_client.start() end)
  teardown(function() api.server.stop() end)
  before_each(function() api.server.reset() end)

  local function invite(email, organization_id)
    local answer = api:invite({ email = email, role_id = "role_member" }, nil, organization_id)
    assert.equal(201, answer.status)
    return answer.json
  end

  local function resend(user_id, path)
    return api:call("POST", (path or ORG) .. "/users/" .. user_id .. "/resend-invitation")
  end

  local function resend_bulk(body)
    return api:call("POST", ORG .. "/users/resend-invitation-bulk", body)
  end

  local function validate(key, credential)
    return api:call("GET", "/v1/invitations/validate/" .. key, nil, credential or false)
  end

  local function accept(key)
    return api:call("POST", "/v1/invitations/accept", { email_key = key })
  end

  local function complete(key, changes)
    local body = { email_key = key, full_name = "Lena Example", password = PASSWORD }
    for name, value in pairs(changes or {}) do
      body[name] = value or nil
    end
    return api:call("POST", "/v1/invitations/complete", body, false)
  end

  it("is found, sent again, validated and completed; then its address is a member", function()
    local made = invite("lena@example.com")
    assert.equal(200, api:look_up_address("lena@example.com").status)
    assert.equal(200, resend(made.user_id).status)
    assert.is_true(validate(made.invitation_key).json.valid)
    assert.equal(200, complete(made.invitation_key).status)
    api.assert_problem(404, "INVITATION_NOT_FOUND", api:look_up_address("lena@example.com"))
    api.assert_problem(404, "INVITATION_NOT_FOUND", api:look_up("user_id=" .. made.user_id))
    api.assert_problem(409, "ALREADY_MEMBER", api:invite_address("Lena@example.com"))
    api.assert_problem(404, "INVITATION_NOT_FOUND", resend(made.user_id))
    assert.is_false(validate(made.invitation_key).json.valid)
    -- Of that organization only.
    invite("lena@example.com", "org_123")
  end)

  describe("sent again", function()
    it("has its mails counted, and told apart from another's", function()
      local made = invite("a@example.com")
      invite("b@example.com")
      local answer = resend(made.user_id)
      assert.same({ success = true, message = "Invitation email resent successfully" }, answer.json)
      local mails = api:admin("outbox")
      assert.equal(3, #mails)
      assert.equal("a@example.com", mails[3].to)
      assert.equal(made.invitation_id, mails[3].invitation_id)
      assert.equal(mails[1].invitation_link, mails[3].invitation_link)
      assert.equal(2, mails[3].number)
      local seen = {}
      for _, one in ipairs(api:admin("addresses")) do
        seen[one.email] = one.mails
      end
      assert.same({ ["a@example.com"] = 2, ["b@example.com"] = 1 }, seen)
    end)

    it("is answered with no body by an organization of the other shape", function()
      local made = invite("a@example.com", "org_crew")
      local answer = resend(made.user_id, CREW)
      assert.equal(204, answer.status)
      assert.equal("", answer.text)
      assert.is_nil(answer.headers["content-length"])
      assert.is_nil(answer.headers["content-type"])
      assert.equal(2, #api:admin("outbox"))
    end)

    it("must be there, in that organization", function()
      local made = invite("a@example.com")
      api.assert_problem(404, "INVITATION_NOT_FOUND", resend(NOBODY))
      api.assert_problem(404, "INVITATION_NOT_FOUND", resend(made.user_id, CREW))
    end)

    it("lives for another week, also where it had expired", function()
      local made = invite("a@example.com")
      api:advance(8 * DAY)
      assert.equal(404, api:look_up_address("a@example.com").status)
      assert.equal(200, resend(made.user_id).status)
      local found = api:look_up_address("a@example.com").json
      assert.equal(made.invitation_id, found.invitation_id)
      assert.truthy(found.expires_at > made.expires_at)
      assert.truthy(found.created_at < made.expires_at)
      assert.is_true(validate(made.invitation_key).json.valid)
    end)

    it("by an admin's or an owner's key only", function()
      local path = ORG .. "/users/" .. invite("a@example.com").user_id .. "/resend-invitation"
      api.assert_problem(403, "INSUFFICIENT_PERMISSIONS",
        api:call("POST", path, nil, "sandbox_member"))
      api.assert_problem(401, "AUTHENTICATION_REQUIRED", api:call("POST", path, nil, false))
    end)
  end)

  describe("sent again with others", function()
    it("fails for itself", function()
      local one, other = invite("a@example.com"), invite("b@example.com")
      accept(other.invitation_key)
      local answer = resend_bulk { user_ids = { one.user_id, NOBODY, other.user_id } }
      assert.equal(200, answer.status)
      assert.same({
        success_count = 1,
        failure_count = 2,
        failed_operations = {
          { id = NOBODY, error = "Invitation not found" },
          { id = other.user_id, error = "Invitation already accepted" },
        },
      }, answer.json)
      assert.equal(3, #api:admin("outbox"))
    end)

    it("leaves an empty list where nothing failed", function()
      local answer = resend_bulk { user_ids = { invite("a@example.com").user_id } }
      assert.equal(1, answer.json.success_count)
      assert.truthy(answer.text:find('"failed_operations":[]', 1, true))
    end)

    it("takes up to a thousand ids", function()
      local user_ids = {}
      for place = 1, 1000 do
        user_ids[place] = NOBODY
      end
      assert.equal(1000, resend_bulk { user_ids = user_ids }.json.failure_count)
      user_ids[1001] = NOBODY
      local problem = api.assert_problem(422, "VALIDATION_ERROR",
        resend_bulk { user_ids = user_ids })
      assert.equal("user_ids", problem.details.field)
    end)

    for _, body in ipairs {
      { user_ids = {} }, { user_ids = { 1 } }, { user_ids = NOBODY }, { ids = { NOBODY } },
    } do
      it("refuses " .. cjson.encode(body), function()
        api.assert_problem(422, "VALIDATION_ERROR", resend_bulk(body))
      end)
    end
  end)

  describe("validated", function()
    it("shows whoever has the key what it is to", function()
      local made = invite("a@example.com")
      local answer = validate(made.invitation_key)
      assert.equal(200, answer.status)
      assert.same({
        valid = true,
        invitation_id = made.invitation_id,
        email = "a@example.com",
        organization_id = "org_xyz789",
        organization_name = "Orchard Works",
        role_id = "role_member",
        role_name = "Member",
        expires_at = made.expires_at,
      }, answer.json)
      assert.is_nil(answer.headers["x-ratelimit-limit"])
    end)

    it("has the sandbox write down whether a credential came", function()
      local key = invite("a@example.com").invitation_key
      validate(key)
      validate(key, "sandbox_owner")
      assert.equal(200, validate(key, "sandbox_unheard_of").status)
      local requests = api:admin("requests").requests
      assert.is_false(requests[2].credential)
      assert.is_true(requests[3].credential)
      assert.is_true(requests[4].credential)
    end)

    it("has a key that is known", function()
      local key = invite("a@example.com").invitation_key
      api.assert_problem(404, "INVITATION_NOT_FOUND", validate("uuid-1"))
      api.assert_problem(404, "INVITATION_NOT_FOUND", validate(key .. "0"))
    end)

    it("is found by a key in the other form", function()
      local link = invite("a@example.com", "org_crew").invitation_link
      local key = link:match("invite=(invkey_%x+)$")
      assert.equal(39, #key)
      assert.equal("Night Crew", validate(key).json.organization_name)
    end)
  end)

  describe("accepted", function()
    it("says what was joined, and makes a member", function()
      local made = invite("a@example.com")
      local answer = accept(made.invitation_key)
      assert.equal(200, answer.status)
      assert.same({
        success = true,
        organization_id = "org_xyz789",
        organization_name = "Orchard Works",
        role_id = "role_member",
        role_name = "Member",
      }, answer.json)
      api.assert_problem(409, "ALREADY_MEMBER", accept(made.invitation_key))
      api.assert_problem(409, "ALREADY_MEMBER", api:invite_address("a@example.com"))
    end)

    it("needs a credential, a key that is known, and time that is left", function()
      local key = invite("a@example.com").invitation_key
      local path = "/v1/invitations/accept"
      api.assert_problem(401, "AUTHENTICATION_REQUIRED",
        api:call("POST", path, { email_key = key }, false))
      api.assert_problem(404, "INVITATION_NOT_FOUND", accept("uuid-1"))
      api.assert_problem(422, "VALIDATION_ERROR", api:call("POST", path, {}))
      api:advance(7 * DAY)
      api.assert_problem(400, "INVITATION_EXPIRED", accept(key))
    end)
  end)

  describe("completed", function()
    it("gives an account and its tokens, once", function()
      local made = invite("a@example.com")
      local answer = complete(made.invitation_key)
      assert.equal(200, answer.status)
      assert.is_true(answer.json.success)
      assert.equal(made.user_id, answer.json.user_id)
      assert.truthy(#answer.json.token > 0)
      assert.truthy(#answer.json.refresh_token.token > 0)
      assert.truthy(answer.json.refresh_token.expires_at > made.expires_at)
      assert.equal(cjson.null, answer.json.device_id)
      api.assert_problem(400, "INVITATION_USED", complete(made.invitation_key))
    end)

    it("has a key that is known, and time that is left", function()
      local key = invite("a@example.com").invitation_key
      api.assert_problem(404, "INVITATION_NOT_FOUND", complete("uuid-1"))
      api:advance(7 * DAY)
      api.assert_problem(400, "INVITATION_EXPIRED", complete(key))
    end)

    it("counts the characters of name and password", function()
      local key = invite("a@example.com").invitation_key
      for field, texts in pairs {
        full_name = { false, "", ("é"):rep(256) },
        password = { false, "", ("é"):rep(7) },
      } do
        for _, text in ipairs(texts) do
          local problem = api.assert_problem(422, "VALIDATION_ERROR",
            complete(key, { [field] = text }))
          assert.equal(field, problem.details.field)
        end
      end
      assert.equal(200,
        complete(key, { full_name = ("é"):rep(255), password = ("é"):rep(8) }).status)
    end)

    it("leaves no trace of the password", function()
      local key = invite("a@example.com").invitation_key
      complete(key, { extra = "x" })
      complete(key)
      local raw = api:admin("requests?raw=1")
      assert.equal("***", cjson.decode(raw.body).password)
      assert.equal("Lena Example", cjson.decode(raw.body).full_name)
      api:request("POST", "/v1/invitations/complete", { ["Content-Type"] = "application/json" },
        '{"password":"' .. PASSWORD)
      assert.equal("***", api:admin("requests?raw=1").body)
      for _, page in ipairs { "requests", "requests?raw=1", "addresses", "outbox" } do
        assert.is_nil(api.server.get("/_sandbox/" .. page):find(PASSWORD, 1, true), page)
      end
    end)
  end)

  describe("expired", function()
    it("is not found, not valid, and can be made anew", function()
      local made = invite("a@example.com")
      api:advance(6 * DAY)
      assert.equal(200, api:look_up_address("a@example.com").status)
      api:advance(DAY)
      api.assert_problem(404, "INVITATION_NOT_FOUND", api:look_up_address("a@example.com"))
      assert.is_false(validate(made.invitation_key).json.valid)
      local anew = invite("a@example.com")
      assert.not_equal(made.invitation_id, anew.invitation_id)
      assert.truthy(anew.expires_at > made.expires_at)
      api.assert_problem(404, "INVITATION_NOT_FOUND", validate(made.invitation_key))
    end)

    it("by a clock that a reset puts back", function()
      assert.equal(5, api:advance(5).json.ahead)
      assert.equal(12, api:advance(7).json.ahead)
      assert.equal(12, api:admin("clock").ahead)
      api.server.reset()
      assert.equal(0, api:admin("clock").ahead)
      for _, seconds in ipairs { -1, 1e10, "1", cjson.null } do
        api.assert_problem(422, "VALIDATION_ERROR", api:advance(seconds))
      end
    end)
  end)

  describe("names a role that", function()
    local function names(list)
      local found = {}
      for place, role in ipairs(list) do
        found[place] = role.name
      end
      return found
    end

    local ALL = {
      "Owner", "Admin", "Member", "Department Manager", "Knowledge Manager", "Billing Manager",
      "Gardener",
    }

    it("is in the list", function()
      local roles = api:call("GET", ORG .. "/roles").json
      assert.same(ALL, names(roles))
      for _, role in ipairs(roles) do
        local custom = role.name == "Gardener"
        assert.equal(custom, role.is_custom)
        assert.equal(not custom, role.is_base_role)
        assert.equal(custom and "org_xyz789" or cjson.null, role.organization_id)
        assert.equal(201, api:invite({
          email = role.id .. "@example.com",
          role_id = role.id,
        }).status)
      end
    end)

    it("is in an object's list in an organization of the other shape", function()
      local body = api:call("GET", CREW .. "/roles").json
      assert.same(ALL, names(body.roles))
      assert.same({ id = "role_owner", name = "Owner" }, body.roles[1])
    end)

    it("may be one of the organization's own", function()
      assert.same({ "Gardener" }, names(api:call("GET", ORG .. "/roles?include_global=false").json))
      assert.same(ALL, names(api:call("GET", ORG .. "/roles?include_global=true").json))
      api.assert_problem(422, "VALIDATION_ERROR",
        api:call("GET", ORG .. "/roles?include_global=no"))
    end)
  end)

  describe("meets a fault", function()
    local function calls(made)
      return {
        lookup = function() return api:look_up("user_id=" .. made.user_id) end,
        resend = function() return resend(made.user_id) end,
        bulk = function() return resend_bulk { user_ids = { made.user_id } } end,
        validate = function() return validate(made.invitation_key) end,
        accept = function() return accept(made.invitation_key) end,
        complete = function() return complete(made.invitation_key) end,
      }
    end

    for _, name in ipairs { "lookup", "resend", "bulk", "validate", "accept", "complete" } do
      it("at " .. name .. ", as often as its address asks for", function()
        local email = "fault+" .. name .. "503x2@example.com"
        local call = calls(invite(email))[name]
        assert.equal(503, call().status)
        assert.equal(503, call().status)
        assert.equal(200, call().status)
        local requests = api:admin("requests?email=" .. email:gsub("+", "%%2B")).requests
        assert.equal(4, #requests)
        assert.equal(cjson.null, requests[1].struck)
        assert.equal("503", requests[2].struck)
        assert.equal(cjson.null, requests[4].struck)
      end)
    end

    it("after it was done, or before", function()
      local one = invite("fault+resendlostreply@example.com")
      assert.is_nil(resend(one.user_id))
      local other = invite("fault+resendlostrequest@example.com")
      assert.is_nil(resend(other.user_id))
      local mails = api:admin("outbox")
      assert.equal(3, #mails)
      assert.equal("fault+resendlostreply@example.com", mails[2].to)
      local last = invite("fault+completelostreply@example.com")
      assert.is_nil(complete(last.invitation_key))
      api.assert_problem(409, "ALREADY_MEMBER", api:invite_address(last.email))
    end)

    it("in an organization that asks for it, whatever the address", function()
      local path = "/v1/organizations/org_fault-roles503x1-resend429"
      assert.equal(503, api:call("GET", path .. "/roles").status)
      assert.equal(200, api:call("GET", path .. "/roles").status)
      local made = invite("a@example.com", "org_fault-roles503x1-resend429")
      assert.equal(429, resend(made.user_id, path).status)
      api.assert_problem(400, "UNKNOWN_FAULT",
        api:call("GET", "/v1/organizations/org_fault-5O3/roles"))
    end)

    it("where there is no body to spoil", function()
      for _, name in ipairs { "badjson", "noid201" } do
        local made = invite("fault+resend" .. name .. "@example.com", "org_crew")
        assert.equal(204, resend(made.user_id, CREW).status)
      end
    end)
  end)

  it("has an answer of the other shape in an organization of the other shape", function()
    local made = invite("a@example.com", "org_crew")
    assert.equal("role_member", made.role_id)
    assert.is_nil(made.invitation_key)
    assert.is_nil(made.expires_at)
  end)

  it("has the operations that the page of the sandbox lists", function()
    local listed = {}
    for name, method, path in shell.read_file("doc/sandbox.md")
      :gmatch("\n| `(%l+)` | `(%u+) (/v1/[^`]+)` |") do
      local answer = api:call("PUT", (path:gsub("{organization_id}", "org_123")))
      api.assert_problem(405, "METHOD_NOT_ALLOWED", answer)
      assert.equal(method, answer.headers.allow)
      listed[#listed + 1] = name
    end
    local served = {}
    for name in shell.read_file("sandbox/lua/operations.lua"):gmatch('\n    name = "(%l+)"') do
      served[#served + 1] = name
    end
    assert.same(served, listed)
  end)
end)
