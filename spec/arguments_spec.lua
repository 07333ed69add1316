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
      action = "run", addresses = { "a@b", "c@d" }, org = "org_1", role = "role_1",
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

  it("gives each option under its name with _ for -", function()
    local more, expected = {}, {}
    for _, option in ipairs(usage.OPTIONS) do
      local excluded = option.name == "--no-journal" or option.name == "--print-curl"
      if option.group ~= "About" and not excluded and option.name ~= "--org"
        and option.name ~= "--file" then
        local value = option.choices and option.choices[2] or option.least and "7"
          or option.name:sub(3)
        more[#more + 1] = option.name
        more[#more + 1] = option.argument and value
        expected[option.name:sub(3):gsub("-", "_")] = not option.argument
          or option.least and 7 or value
      end
    end
    expected.org, expected.file, expected.addresses = "org_1", "people.csv", {}
    expected.action = "run"
    assert.same(expected, assert(parse(more)))
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
    assert_fault("nobody to invite", {}, { "--org", "o", "--role", "r" })
    assert_fault("nobody to invite", {}, {})
    assert_fault("--org is missing", {}, { "--file", "f" })
    assert_fault("--role is missing", {}, { "--org", "o", "a@b" })
    assert_fault("'--org' requires an argument", {}, { "--file", "f", "--org" })
    assert_fault("--report must not be empty", { "--report", "" })
  end)

  it("what excludes each other", function()
    assert_fault("--file and addresses exclude each other", { "a@b" })
    assert_fault("--journal and --no-journal exclude", { "--journal", "j", "--no-journal" })
    assert_fault("--dry-run and --print-curl exclude", { "--print-curl", "--dry-run" })
    assert_fault("--format says what --file is", { "--format", "csv" },
      { "--org", "o", "--role", "r", "a@b" })
    assert_fault("'--org' must be used at most 1 time", { "--org", "org_2" })
  end)

  it("one file for two purposes", function()
    assert_fault("--file and --failed must be different files", { "--failed", "people.csv" })
    assert_fault("--report and --failed must be different",
      { "--report", "x.csv", "--failed", "x.csv" })
    assert_fault("--file and --journal must be different", { "--journal", "people.csv" })
  end)

  it("standard input without a word on the journal, but where nothing is sent", function()
    local base = { "--org", "o", "--file", "-" }
    assert_fault("--file - has no place for a journal", {}, base)
    for _, more in ipairs { { "--no-journal" }, { "--dry-run" }, { "--print-curl" } } do
      assert.is_nil(assert(parse(more, base)).journal)
    end
    assert.equal("j", assert(parse({ "--journal", "j" }, base)).journal)
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
  }, arguments.EXIT)
end)
