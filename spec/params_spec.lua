local Exchange = require "spec.support.exchange"
local api = require "spec.support.api"
local cjson = require "cjson"
local core = require "aitronos.core"
local endpoints = require "aitronos.endpoints"

local operation = core.operation(endpoints.invite_user)

local function valid(changes)
  local given = { organization_id = "org_xyz789", email = "new@example.com", role_id = "role_x" }
  for name, value in pairs(changes or {}) do
    given[name] = value
  end
  return given
end

-- "field: message" of each fault, in order.
local function faults_of(given)
  local lines = {}
  for i, fault in ipairs(core.check(operation, given)) do
    lines[i] = fault.field .. ": " .. fault.message
  end
  return lines
end

local function assert_fault(changes, field, words)
  local lines = faults_of(valid(changes))
  assert.equal(1, #lines)
  assert.truthy(lines[1]:find(field .. ": ", 1, true) == 1, lines[1])
  assert.truthy(lines[1]:find(words, 1, true), lines[1])
end

local function assert_fine(changes)
  local faults = core.check(operation, valid(changes))
  assert.is_nil(faults, faults and faults[1].message)
end

describe("params", function()
  local exchange = Exchange.each()

  it("go on the wire as they were given, those of the URL aside", function()
    for _, given in ipairs {
      { email = "a@b", role_id = "role_x" },
      { email = "a@b", role_id = "role_x", send_invitation = false },
      { email = "a@b", role_name = "Member", send_email = true },
    } do
      exchange:answer({ api.CREATED }, {})
      local params = valid()
      params.role_id = nil
      for name, value in pairs(given) do
        params[name] = value
      end
      assert(exchange:call({}, params))
      assert.same(given, cjson.decode(exchange.server.requests[1].body))
      exchange:close()
    end
  end)

  it("have all their faults reported at once: in the row's order, then unknown keys", function()
    local lines = faults_of {
      zeta = 1,
      organization_id = 7,
      email = "nobody",
      role_id = "",
      role_name = "Member",
      send_email = "yes",
      alpha = 2,
    }
    local fields = {}
    for i, line in ipairs(lines) do
      fields[i] = line:match("^[^:]+")
    end
    assert.same({
      "organization_id", "email", "role_id", "role_name", "send_email", "alpha", "zeta",
    }, fields)
  end)

  it("must be there, where they have no default", function()
    assert.same({
      "organization_id: is required",
      "email: is required",
      "role_id: is required: give role_id or role_name",
    }, faults_of {})
  end)

  it("must be a table", function()
    assert.same({ "params: must be a table, not nil" }, faults_of(nil))
    assert.same({ "params: must be a table, not string" }, faults_of("org_xyz789"))
  end)

  it("may use one spelling of the role and one of the mail switch", function()
    assert_fault({ role_name = "Member" }, "role_name", "only one of role_id and role_name")
    assert_fault(
      { send_invitation = true, send_email = false },
      "send_email",
      "only one of send_invitation and send_email"
    )
  end)

  it("are taken for the type that they have", function()
    assert_fault({ organization_id = 12 }, "organization_id", "must be a string, not number")
    assert_fault({ email = {} }, "email", "must be a string, not table")
    assert_fault({ role_id = true }, "role_id", "must be a string, not boolean")
    assert_fault({ send_invitation = "true" }, "send_invitation", "must be a boolean, not string")
    assert_fault({ send_email = 1 }, "send_email", "must be a boolean, not number")
  end)

  describe("on organization_id", function()
    it("takes org_ and letters, digits, _ and -", function()
      assert_fine { organization_id = "org_aZ09_-" }
      for _, id in ipairs {
        "", "org_", "xyz789", "Org_x", "org_a b", "org_a/b", "org_a\n", "org_a\0", "org_é", " org_",
      } do
        assert_fault({ organization_id = id }, "organization_id", "must be org_ followed by")
      end
    end)

    it("takes at most 1024 bytes", function()
      assert_fine { organization_id = "org_" .. ("x"):rep(1020) }
      local id = "org_" .. ("x"):rep(1021)
      assert_fault({ organization_id = id }, "organization_id", "at most 1024 bytes")
    end)

    it("tells how ids begin now where it gets one of the older form", function()
      local id = "ORG_B66136CBB1304C98"
      assert_fault({ organization_id = id }, "organization_id", "lower-case org_")
    end)
  end)

  describe("on email", function()
    it("takes what is plausible and leaves the rest to the server", function()
      for _, email in ipairs {
        "a@b", "first.last+tag@example.com", "\"x\"@[127.0.0.1]", "jürgen@bücher.example",
        "\240\159\152\128@example.com", "\237\159\191@x", "\238\128\128@x", "\244\143\191\191@x",
        ("a"):rep(64) .. "@" .. ("b"):rep(189),
      } do
        assert_fine { email = email }
      end
    end)

    it("counts bytes", function()
      local domain = "@" .. ("b"):rep(189)
      assert_fault({ email = ("a"):rep(65) .. "@b" }, "email", "64 bytes before")
      assert_fault({ email = ("é"):rep(32) .. "e@b" }, "email", "64 bytes before")
      assert_fault({ email = ("a"):rep(64) .. domain .. "b" }, "email", "at most 254 bytes")
      assert_fine { email = ("é"):rep(32) .. "@b" }
    end)

    it("wants one @ with something on both sides", function()
      for _, email in ipairs { "", "nobody", "a@b@c", "@@", "é@b@c" } do
        assert_fault({ email = email }, "email", "exactly one @")
      end
      for _, email in ipairs { "@b", "a@", "@" } do
        assert_fault({ email = email }, "email", "both sides")
      end
    end)

    it("refuses white space and control characters, wide ones too", function()
      for _, bad in ipairs {
        " ", "\t", "\n", "\r", "\0", "\1", "\31", "\127", "\194\128", "\194\133", "\194\159",
        "\194\160", "\225\154\128", "\226\128\128", "\226\128\138", "\226\128\168",
        "\226\128\169", "\226\128\175", "\226\129\159", "\227\128\128",
      } do
        for _, email in ipairs { bad .. "a@b", "a" .. bad .. "@b", "a@b" .. bad } do
          assert_fault({ email = email }, "email", "white space or control")
        end
      end
    end)

    it("refuses what is not UTF-8", function()
      for _, bad in ipairs {
        "\128", "\191", "\255", "\254", "\195", "\195a", "\192\128", "\193\191", -- stray, overlong
        "\224\128\128", "\224\159\191", "\240\128\128\128", "\240\143\191\191", -- overlong
        "\237\160\128", "\237\191\191", -- surrogates
        "\244\144\128\128", "\245\128\128\128", -- beyond U+10FFFF
        "\226\128", "\240\159\152", "é\128", "\195\195\169", -- cut short, one too many
      } do
        assert_fault({ email = bad .. "@b" }, "email", "valid UTF-8")
        assert_fault({ email = "a@b" .. bad }, "email", "valid UTF-8")
      end
    end)
  end)

  it("may have as a role any line of text", function()
    for _, role in ipairs { "role_member", "Team lead", "Größe", "\194\160", ("r"):rep(2 ^ 20) } do
      assert_fine { role_id = role }
    end
    assert_fault({ role_id = ("r"):rep(2 ^ 20 + 1) }, "role_id", "at most 1048576 bytes")
    assert_fault({ role_id = "" }, "role_id", "must not be empty")
    for _, role in ipairs { "a\nb", "a\0", "\127", "a\194\133" } do
      assert_fault({ role_id = role }, "role_id", "control characters")
    end
    assert_fault({ role_id = "\237\160\128" }, "role_id", "valid UTF-8")
  end)

  describe("on unknown keys", function()
    it("names them and says what there is", function()
      assert_fault({ role = "member" }, "role", "organization_id, email, role_id or role_name")
      assert_fault({ ["Email"] = "a@b" }, "Email", "is not a parameter")
    end)

    it("names keys that are no words by what they are, running nothing", function()
      local trap = setmetatable({}, {
        __tostring = function() error("ran") end,
        __eq = function() error("ran") end,
      })
      local lines = faults_of(valid {
        "positional",
        [2.5] = 1,
        [true] = 1,
        [trap] = 1,
        [("k"):rep(2 ^ 20)] = 1,
        ["a\nb"] = 1,
      })
      local fields = {}
      for i, line in ipairs(lines) do
        fields[i] = line:match("^(.-): ")
      end
      table.sort(fields)
      assert.same({
        "(a key of 1048576 bytes)", "(a key of 3 bytes)", "[1]", "[2.5]", "[boolean]", "[table]",
      }, fields)
    end)
  end)

  it("are read raw", function()
    local inherited = setmetatable({}, { __index = valid() })
    assert.equal(3, #faults_of(inherited))

    local function ran()
      error("ran")
    end
    local guarded = setmetatable(valid(), {
      __index = ran, __newindex = ran, __pairs = ran, __len = ran, __call = ran,
    })
    exchange:answer({ api.CREATED }, {})
    assert(exchange:call({}, guarded))
    assert.same({ email = "new@example.com", role_id = "role_x" },
      cjson.decode(exchange.server.requests[1].body))
  end)

  it("get into no message", function()
    local canary = "canary-" .. ("x"):rep(2 ^ 20)
    local lines = faults_of {
      organization_id = canary,
      email = canary,
      role_id = canary .. "\n",
      role_name = canary .. "\0",
      send_invitation = canary,
      [canary] = canary,
      canary,
    }
    assert.equal(8, #lines)
    assert.is_nil(table.concat(lines):find("canary", 1, true))
    assert.truthy(#table.concat(lines) < 2000)
  end)

  it("are judged by the row alone", function()
    local other = core.operation {
      name = "other",
      method = "POST",
      path = "/v1/{user_id}",
      parameters = {
        { names = { "user_id" }, required = true }, { names = { "quick" }, type = "boolean" },
      },
    }
    assert.is_nil(core.check(other, { user_id = "usr_1", quick = true }))
    local faults = core.check(other, { email = "a@b" })
    assert.equal("user_id", faults[1].field)
    assert.equal("email", faults[2].field)
  end)
end)
