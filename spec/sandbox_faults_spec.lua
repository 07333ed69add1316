-- The sandbox fails as it is asked to.

local cjson = require "cjson"
local socket = require "socket"
local eventually = require "spec.support.eventually"
local sandbox_client = require "spec.support.sandbox_client"

local ORG = "org_xyz789"

local api

describe("a fault", function()
  setup(function() api = sandbox_client.start() end)
  teardown(function() api.server.stop() end)
  before_each(function() api.server.reset() end)

  local function hangs_up(email)
    assert.is_nil(api:invite_address(email))
  end

  -- LuaSocket does not tell a reset from an ordinary end.
  local function resets(email)
    local pipe = io.popen(("curl -s -w '%%{errormsg}' -H 'X-API-Key: sandbox_unlimited' --json '%s'"
      .. " %s/v1/organizations/%s/invite-user"):format(
      cjson.encode { email = email, role_id = "role_member" }, api.server.base_url, ORG))
    assert.equal("Recv failure: Connection reset by peer", pipe:read("*a"))
    pipe:close()
  end

  local function stays_silent(email)
    local connection = api:send(email)
    eventually(function() return api:posts(email) == 1 end)
    assert.equal(0, #socket.select({ connection }, nil, 0))
    connection:close()
  end

  local function refuses(status, code, headers)
    return function(email)
      local answer = api:invite_address(email)
      api.assert_problem(status, code, answer)
      assert.equal(headers and headers["retry-after"], answer.headers["retry-after"])
      assert.equal(headers and headers["x-should-retry"], answer.headers["x-should-retry"])
    end
  end

  local function answers(status, check)
    return function(email)
      local answer = api:invite_address(email)
      assert.equal(status, answer.status)
      check(answer)
    end
  end

  local function is_usual(answer)
    assert.truthy(answer.json.invitation_id)
  end

  local function is_html(answer)
    assert.equal("text/html", answer.headers["content-type"])
    assert.truthy(answer.text:find("<html>", 1, true))
  end

  local CASES = {
    ["400"] = refuses(400, "VALIDATION_ERROR"),
    ["401"] = refuses(401, "INVALID_API_KEY"),
    ["403"] = refuses(403, "OPERATION_NOT_ALLOWED"),
    ["404"] = refuses(404, "NOT_FOUND"),
    ["408"] = refuses(408, "REQUEST_TIMEOUT"),
    ["409"] = refuses(409, "CONFLICT"),
    ["422"] = refuses(422, "VALIDATION_ERROR"),
    ["425"] = refuses(425, "TOO_EARLY"),
    ["429"] = refuses(429, "RATE_LIMIT_EXCEEDED", { ["retry-after"] = "1" }),
    ["429date"] = answers(429, function(answer)
      assert.truthy(answer.headers["retry-after"]:find("^%a+, %d+ %a+ %d+ %d+:%d+:%d+ GMT$"))
    end),
    ["429bare"] = refuses(429, "RATE_LIMIT_EXCEEDED"),
    ["429long"] = refuses(429, "RATE_LIMIT_EXCEEDED", { ["retry-after"] = "3600" }),
    ["500"] = refuses(500, "INTERNAL_SERVER_ERROR"),
    ["502"] = refuses(502, "BAD_GATEWAY"),
    ["503"] = refuses(503, "SERVICE_UNAVAILABLE", { ["retry-after"] = "1" }),
    ["503bare"] = refuses(503, "SERVICE_UNAVAILABLE"),
    ["503veto"] = refuses(503, "SERVICE_UNAVAILABLE", {
      ["retry-after"] = "1",
      ["x-should-retry"] = "false",
    }),
    ["504"] = refuses(504, "GATEWAY_TIMEOUT"),
    ["500made"] = refuses(500, "MAIL_FAILED"),
    ["504made"] = refuses(504, "GATEWAY_TIMEOUT"),
    detail422 = answers(422, function(answer)
      assert.equal("value is not valid", answer.json.detail[1].msg)
    end),
    detail403 = answers(403, function(answer)
      assert.equal("Not allowed", answer.json.detail)
    end),
    older400 = answers(400, function(answer)
      assert.equal("ValidationError", answer.json.error_type)
      assert.equal("INVALID_FORMAT", answer.json.errors[1].code)
    end),
    html502 = answers(502, is_html),
    redirect = answers(307, function(answer)
      assert.equal("/v1/elsewhere", answer.headers.location)
    end),
    lostrequest = hangs_up,
    resetrequest = resets,
    hang = stays_silent,
    late2 = function(email)
      hangs_up(email)
      eventually(function() return api:look_up_address(email).status == 200 end)
    end,
    lostreply = hangs_up,
    resetreply = resets,
    hangmade = stays_silent,
    slow = answers(201, is_usual),
    drip = answers(201, is_usual),
    nothttp = function(email)
      assert.equal("220 mail.example.com ESMTP", api:send(email):receive("*l"))
    end,
    cuthead = function(email)
      local head, problem = api:send(email):receive("*a")
      assert.is_nil(problem)
      assert.equal("HTTP/1.1 201 Created\r\nContent-Type: appl", head)
    end,
    cutbody = function(email)
      local text = api:send(email):receive("*a")
      local head, body = text:match("^(.-\r\n\r\n)(.*)$")
      assert.equal("HTTP/1.1 201 Created", head:match("^[^\r]*"))
      assert.truthy(#body > 0)
      assert.truthy(#body < tonumber(head:match("Content%-Length: (%d+)")))
    end,
    badjson = answers(201, function(answer)
      assert.truthy(answer.text:find('"invitation_id"', 1, true))
      assert.is_nil(answer.json)
    end),
    emptybody = answers(201, function(answer) assert.equal("", answer.text) end),
    html201 = answers(201, is_html),
    array201 = answers(201, function(answer)
      assert.truthy(answer.json[1].invitation_id)
    end),
    noid201 = answers(201, function(answer)
      assert.is_nil(answer.json.invitation_id)
      assert.truthy(answer.json.user_id)
    end),
    big = answers(201, function(answer)
      assert.truthy(#answer.text > 8 * 1024 * 1024)
      is_usual(answer)
    end),
    gzipbomb = function(email)
      local answer = api:request("POST", "/v1/organizations/" .. ORG .. "/invite-user", {
        ["X-API-Key"] = "sandbox_unlimited",
        ["Content-Type"] = "application/json",
        ["Accept-Encoding"] = "gzip",
      }, cjson.encode { email = email, role_id = "role_member" })
      assert.equal(200, answer.status)
      assert.equal("gzip", answer.headers["content-encoding"])
      assert.truthy(#answer.text < 1024 * 1024)
    end,
    bigheaders = answers(201, function(answer)
      assert.equal(1000, #answer.headers["x-padding-200"])
      is_usual(answer)
    end),
    deepjson = answers(201, function(answer)
      assert.truthy(answer.text:find(("["):rep(100000), 1, true))
      assert.truthy(answer.text:find(("]"):rep(100000) .. "}", 1, true))
    end),
    lookupolder = refuses(409, "INVITATION_PENDING"),
    lookuprole = refuses(409, "INVITATION_PENDING"),
    lookupother = answers(201, is_usual),
  }

  it("is listed, described and has a case here", function()
    local listed = {}
    for _, fault in ipairs(api:admin("faults")) do
      listed[fault.name] = true
      assert.truthy(CASES[fault.name], fault.name)
      assert.truthy(#fault.what > 0)
    end
    for name in pairs(CASES) do
      assert.truthy(listed[name], name)
    end
  end)

  for name, check in pairs(CASES) do
    it(name .. " strikes as described", function()
      local email = "fault+" .. name .. ".case@example.com"
      check(email)
      assert.equal(1, api:posts(email))
    end)
  end

  it("that makes an invitation made it, any other did not", function()
    for _, fault in ipairs(api:admin("faults")) do
      if not fault.name:find("^lookup") and fault.name ~= "late2" then
        local email = "fault+" .. fault.name .. "@example.com"
        local connection = api:send(email)
        eventually(function() return api:posts(email) == 1 end)
        connection:close()
        assert.equal(fault.makes and 200 or 404, api:look_up_address(email).status, fault.name)
      end
    end
  end)

  it("strikes as often as it is counted", function()
    local email = "fault+503x2@example.com"
    assert.equal(503, api:invite_address(email).status)
    assert.equal(503, api:invite_address(email).status)
    assert.equal(201, api:invite_address(email).status)
    assert.equal(3, api:posts(email))
  end)

  it("strikes always without a count", function()
    for _ = 1, 4 do
      assert.equal(503, api:invite_address("fault+503@example.com").status)
    end
  end)

  it("that made an invitation leaves it pending", function()
    hangs_up("fault+lostreply@example.com")
    api.assert_problem(409, "INVITATION_PENDING", api:invite_address("fault+lostreply@example.com"))
  end)

  it("of the look-up strikes there alone, and as often as it is counted", function()
    local email = "fault+lookup503x1.somebody@example.com"
    assert.equal(201, api:invite_address(email).status)
    assert.equal(503, api:look_up_address(email).status)
    assert.equal(200, api:look_up_address(email).status)
  end)

  it("of the look-up goes with one of the invitation", function()
    local email = "fault+lostreply.lookup404x1@example.com"
    hangs_up(email)
    assert.equal(404, api:look_up_address(email).status)
    assert.equal(200, api:look_up_address(email).status)
    email = "fault+500.lookuplostreply@example.com"
    assert.equal(500, api:invite_address(email).status)
    assert.equal(404, api:look_up_address(email).status)
  end)

  it("plants an invitation of an hour ago, without mail", function()
    local email = "fault+502.lookupolder@example.com"
    assert.equal(502, api:invite_address(email).status)
    local found = api:look_up_address(email)
    assert.equal(200, found.status)
    local hour_ago = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - 3500)
    assert.truthy(found.json.created_at < hour_ago)
    assert.equal(0, #api:admin("outbox"))
  end)

  it("gives the invitation another role, or another's address", function()
    local email = "fault+lostreply.lookuprole@example.com"
    hangs_up(email)
    assert.equal("role_admin", api:look_up_address(email).json.role_id)
    email = "fault+lostreply.lookupother@example.com"
    hangs_up(email)
    assert.not_equal(email, api:look_up_address(email).json.email)
  end)

  it("counts what asked for an invitation, also where there was one", function()
    api:invite_address("fault+503x1.a@example.com")
    api:invite_address("fault+503x1.a@example.com")
    hangs_up("fault+lostreply.b@example.com")
    assert.equal(409, api:invite_address("Fault+lostreply.b@example.com").status)
    api:invite_address("fault+422.c@example.com")
    local seen = {}
    for _, one in ipairs(api:admin("addresses")) do
      seen[#seen + 1] = { one.email, one.posts, one.asked, #one.invitation_ids }
    end
    assert.same({
      { "fault+422.c@example.com", 1, 0, 0 },
      { "fault+503x1.a@example.com", 2, 1, 1 },
      { "fault+lostreply.b@example.com", 2, 2, 1 },
    }, seen)
  end)

  it("that nobody knows is refused", function()
    api.assert_problem(400, "UNKNOWN_FAULT", api:invite_address("fault+5O3@example.com"))
  end)
end)
