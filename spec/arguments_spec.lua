local arguments = require "aitronos.cli.arguments"
local usage = require "aitronos.cli.usage"

local FILE = { "--org", "org_1", "--file", "people.csv" }

local function parse(more, base)
  local given = {}
  for _, list in ipairs { base or FILE, more or {} } do
    for _, argument in ipairs(list) do
      given[#given + 1] = argument
    end
  end
  return arguments.parse(given)
end

local function assert_fault(words, more, base)
  local settings, message = parse(more, base)
  assert.is_nil(settings)
  assert.truthy(message:find(words, 1, true), message)
end

describe("arguments.parse", function()
  it("takes addresses with a role", function()
    local settings = assert(arguments.parse { "a@b", "--org", "org_1", "--role", "role_1", "c@d" })
    assert.same({
      action = "invite", addresses = { "a@b", "c@d" }, org = "org_1", role = "role_1",
      existing = "skip", concurrency = 16, timeout = 30, deadline = 120,
    }, settings)
  end)

  it("takes a file, and keeps the journal beside it", function()
    local settings = assert(parse())
    assert.equal("people.csv", settings.file)
    assert.equal("people.csv.journal", settings.journal)
    assert.is_nil(settings.role)
    assert.same({}, settings.addresses)
  end)

  -- One action's options, each of them given, and the settings that these are.
  local function options_of(action)
    local more, expected = { action }, {}
    for _, option in ipairs(usage.OPTIONS) do
      local excluded = option.name == "--no-journal" or option.name == "--print-curl"
        or option.name == "--dry-run" or option.name == "--role-name"
      if option.group ~= "About" and not excluded and option.name ~= "--org"
        and option.name ~= "--file" and usage.takes(option, action) then
        local value = option.choices and option.choices[2] or option.least and "7"
          or option.name:sub(3) .. (option.records and ".csv" or "")
        more[#more + 1] = option.name
        more[#more + 1] = option.argument and value
        expected[option.name:sub(3):gsub("-", "_")] = not option.argument
          or option.least and 7 or value
      end
    end
    expected.org, expected.file, expected.addresses = "org_1", "people.csv", {}
    expected.action = action
    return more, expected
  end

  it("gives each option under its name with _ for -, to each command its own", function()
    for _, action in ipairs { "invite", "status", "resend" } do
      local more, expected = options_of(action)
      assert.same(expected, assert(parse(more)))
    end
    assert.same({ action = "roles", org = "org_1", addresses = {}, timeout = 30, deadline = 120,
      json = true }, assert(arguments.parse { "roles", "--org", "org_1", "--json" }))
  end)

  it("finds a command's name wherever it is the first word that is no option's", function()
    for _, given in ipairs { { "status", "--org", "o", "a@b" }, { "--org", "o", "status", "a@b" },
      { "--org=o", "--quiet", "status", "--", "a@b" } } do
      local settings = assert(arguments.parse(given))
      assert.equal("status", settings.action)
      assert.same({ "a@b" }, settings.addresses)
      assert.is_nil(settings.journal)
    end
    assert.equal("roles", assert(arguments.parse { "--org", "status", "roles" }).action)
    assert_fault("'status' is no address", { "--", "status" }, { "--org", "o", "--role", "r" })
    assert_fault("'stauts' is no address, nor a command: these are status, resend, roles",
      { "stauts", "a@b" }, { "--org", "o" })
  end)

  it("keeps the journal of a resend apart", function()
    assert.equal("people.csv.resend.journal", assert(parse { "resend" }).journal)
    assert.is_nil(assert(parse { "status" }).journal)
  end)

  it("says by which words help is asked for", function()
    local _, _, help = arguments.parse { "--bogus" }
    assert.equal("aitronos-invite --help", help)
    _, _, help = arguments.parse { "roles", "a@b" }
    assert.equal("aitronos-invite roles --help", help)
  end)

  it("takes = before a value, and addresses after --", function()
    local settings = assert(parse({ "--org=org_2", "--role=r", "--", "-a@b" }, {}))
    assert.same({ "-a@b" }, settings.addresses)
    assert.equal("org_2", settings.org)
  end)

  it("takes fractions where time and rates are meant", function()
    local settings = assert(parse { "--timeout", "2.5", "--rate", ".5" })
    assert.equal(2.5, settings.timeout)
    assert.equal(0.5, settings.rate)
  end)

  it("asks for help or version whatever else is wrong after it", function()
    local settings = assert(arguments.parse { "--help", "--bogus" })
    assert.equal("help", settings.action)
    assert.truthy(settings.text:find("Exit codes:", 1, true))
    assert.same({ action = "version" }, arguments.parse { "--version", "--rate", "x" })
    assert.equal("help", arguments.parse({ "-h" }).action)
  end)
end)

describe("arguments.parse refuses", function()
  it("numbers that are none, not finite, not above zero, or too big", function()
    for _, value in ipairs { "x", "nan", "inf", "-5", "-.5", "0", "0x10", "1e3", "", ".", "1e999",
      ("9"):rep(400) } do
      for _, name in ipairs { "--rate", "--timeout", "--deadline" } do
        assert_fault(name .. " must be a number from 0.001 to", { name, value })
      end
      for _, name in ipairs { "--concurrency", "--max-failures" } do
        assert_fault(name .. " must be a whole number from 1 to", { name, value })
      end
    end
    assert_fault("--concurrency must be a whole number", { "--concurrency", "1.5" })
  end)

  it("what is missing", function()
    assert_fault("nobody is named", {}, { "--org", "o", "--role", "r" })
    assert_fault("nobody is named", { "status" }, { "--org", "o" })
    assert_fault("nobody is named", {}, {})
    assert_fault("--org is missing", {}, { "roles" })
    assert_fault("--org is missing", {}, { "--file", "f" })
    assert_fault("--role is missing", {}, { "--org", "o", "a@b" })
    assert_fault("'--org' requires an argument", {}, { "--file", "f", "--org" })
    assert_fault("--report must not be empty", { "--report", "" })
    assert_fault("--report must end in .csv or .jsonl", { "--report", "csv" })
  end)

  it("what excludes each other", function()
    assert_fault("--file and addresses exclude each other", { "a@b" })
    assert_fault("--journal and --no-journal exclude", { "--journal", "j", "--no-journal" })
    assert_fault("--role and --role-name exclude", { "--role", "r", "--role-name", "n" })
    assert_fault("--dry-run and --print-curl exclude", { "--print-curl", "--dry-run" })
    assert_fault("--dry-run and --json exclude", { "--dry-run", "--json" })
    assert_fault("--print-curl and --json exclude", { "--json", "--print-curl" })
    assert_fault("--format says what --file is", { "--format", "csv" },
      { "--org", "o", "--role", "r", "a@b" })
    assert_fault("'--org' must be used at most 1 time", { "--org", "org_2" })
  end)

  it("one file for two purposes", function()
    assert_fault("--file and --failed must be different files", { "--failed", "people.csv" })
    assert_fault("--report and --failed must be different",
      { "--report", "x.csv", "--failed", "x.csv" })
    assert_fault("--file and --journal must be different", { "--journal", "people.csv" })
    assert_fault("--journal and --report must be different",
      { "--journal", "x.csv.part", "--report", "x.csv" })
  end)

  it("standard input without a word on the journal, but where nothing is sent", function()
    local base = { "--org", "o", "--file", "-" }
    assert_fault("--file - has no place for a journal", {}, base)
    for _, more in ipairs { { "--no-journal" }, { "--dry-run" }, { "--print-curl" } } do
      assert.is_nil(assert(parse(more, base)).journal)
    end
    assert.equal("j", assert(parse({ "--journal", "j" }, base)).journal)
  end)

  it("another command's options", function()
    for _, name in ipairs { "--role", "--no-send", "--journal", "--dry-run" } do
      assert_fault("unknown option '" .. name, { "status", name })
    end
    assert_fault("unknown option '--save-links'", { "resend", "--save-links", "l.csv" })
    assert_fault("unknown option '--resend-unknown'", { "--resend-unknown" })
  end)

  it("what is unknown", function()
    assert_fault("unknown option '--fil'. Did you mean '--file'?", { "--fil" })
    assert_fault("unknown option '-x'", { "-x" })
    assert_fault("must be one of 'csv', 'jsonl'", { "--format", "xml" })
    assert_fault("'--quiet' does not take arguments", { "--quiet=no" })
  end)

  it("a key, and does not repeat it", function()
    for _, more in ipairs { { "--api-key", "sk_secret" }, { "--api-key=sk_secret" },
      { "--token=sk_secret", "--bogus" } } do
      local settings, message = parse(more)
      assert.is_nil(settings)
      assert.truthy(message:find("FREDDY_API_KEY", 1, true))
      assert.truthy(message:find("--api-key-file", 1, true))
      assert.is_nil(message:find("secret", 1, true))
    end
  end)

  it("all of it in one short line that a terminal can't be fooled by", function()
    local _, message = parse { "--\27[31m\n" .. ("x"):rep(2000) }
    assert.is_nil(message:find("[%c]"))
    assert.is_true(#message <= 512)
  end)
end)

it("the exit codes are those that are promised", function()
  assert.same({
    done = 0, error = 1, usage = 2, partly = 3, credentials = 4, network = 5, unknown = 6,
    throttled = 75, interrupted = 130,
  }, usage.EXIT)
end)
