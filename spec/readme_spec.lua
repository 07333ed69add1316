--- The tables of the pages, and doc/architecture.md, say what the sources say, in both directions.

local aitronos = require "aitronos"
local cjson = require "cjson"
local docs = require "spec.support.docs"
local endpoints = require "aitronos.endpoints"
local errors = require "aitronos.error"
local failure = require "aitronos.failure"
local options = require "aitronos.options"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local assert_same_names, collect = docs.assert_same_names, docs.collect
local output_of = shell.output_of
local read, rows, section = docs.read, docs.rows, docs.section

local TYPES = "lua/aitronos/meta/types.lua"

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close() ~= nil
end

describe("the table of exit codes", function()
  it("has those of the command", function()
    local documented = {}
    for _, cells in ipairs(rows(section("doc/command.md", "exits"))) do
      documented[#documented + 1] = { code = tonumber(cells[1]), help = cells[2] }
    end
    local real = {}
    for place, exit in ipairs(require("aitronos.cli.usage").EXITS) do
      real[place] = { code = exit.code, help = exit.help }
    end
    assert.same(real, documented)
  end)
end)

describe("the options", function()
  local documented = {}
  for _, cells in ipairs(rows(section("doc/options.md", "options"))) do
    documented[cells[1]:match("^`([%w_]+)`$")] = {
      environment = cells[2]:match("^`(.+)`$"),
      default = cells[3]:match("^`(.+)`$"),
    }
  end

  it("are those that are checked, and their variables those that are read", function()
    local checked = {}
    local source = read("lua/aitronos/options.lua")
    for name, rest in source:gmatch('name = "([%w_]+)"([^{}]*)') do
      checked[name] = { environment = rest:match('environment = "([%w_]+)"') }
    end
    assert_same_names(checked, documented)
    for name, row in pairs(documented) do
      assert.equal(checked[name].environment, row.environment, name)
    end
  end)

  it("are accepted", function()
    for name in pairs(documented) do
      local fine, err = pcall(options.check, { [name] = io.stdout }, "1")
      assert.is_false(fine)
      for _, fault in ipairs(err.details) do
        assert.not_equal("is not an option", fault.message, fault.field)
      end
    end
  end)

  it("have these defaults", function()
    local getenv = os.getenv
    rawset(os, "getenv", function() end)
    local settings = options.check({ api_key = "key" }, "1")
    rawset(os, "getenv", getenv)
    -- These two are always there, made of more than their option.
    settings.api_key, settings.headers, settings.user_agent = nil, nil, nil
    local defaults = {}
    for name, row in pairs(documented) do
      defaults[name] = row.default
    end
    for name, value in pairs(settings) do
      settings[name] = tostring(value)
    end
    assert.same(settings, defaults)
  end)

  it("are those of the type", function()
    assert_same_names(documented, docs.fields_of(TYPES, "aitronos.Options"))
  end)
end)

it("the kinds and codes of errors are those that there are", function()
  local made = {}
  local function add(err, with_code)
    made[err.kind] = true
    if with_code then
      made[err.kind .. " " .. err.code] = true
    end
  end
  for name in read("lua/aitronos/failure.lua"):gmatch('\n  ([%w_]+) = { "') do
    add(failure.error { failure = name, outcome = "unknown" }, true)
  end
  for status = 300, 599 do
    add(failure.error { status = status, outcome = "rejected" })
  end
  add(errors.argument {}, true)
  add(errors.config {}, true)
  for call in read("csrc/lua_client.c"):gmatch "push_refusal(%b())" do
    local code = call:match '"([A-Z_]+)"%)$'
    if code then
      add(errors.config("", nil, code), true)
    end
  end
  local stuck = { wait = function() end, refusal = function() return "no" end }
  local client = aitronos.new { api_key = "key", driver = stuck }
  add(select(2, client:try_invite_user {
    organization_id = "org_xyz789", email = "new@example.com", role_id = "role_member",
  }), true)

  local documented = {}
  for _, cells in ipairs(rows(section("doc/errors.md", "kinds"))) do
    local kind = cells[1]:match("^`([%w_]+)`$")
    documented[kind] = true
    for code in cells[3]:gmatch("`([%w_]+)`") do
      documented[kind .. " " .. code] = true
    end
  end
  assert_same_names(made, documented)
end)

-- The folder of the build whose module is under test.
local function build_folder()
  for folder in package.cpath:gmatch("([^;]*)/[^/;]+/%?%.so") do
    if exists(folder .. "/c/policy_test") then
      return folder
    end
  end
end

it("the table of what follows an attempt is that of the policy's test", function()
  local folder = build_folder()
  if not folder then
    pending("policy_test is not built")
    return
  end
  local printed = output_of("'" .. folder .. "/c/policy_test' --table")
  assert.equal(printed, section("doc/retries.md", "policy"))
end)

it("the events and those of the type are those that are told", function()
  local told = {}
  local source = read("csrc/lua_turn.c")
  collect(told, source, '%.name = "(%l+)"')
  collect(told, source, '%.name = [^,"]*"(%l+)"')
  collect(told, source, '%.name = [^,"]*"%l+" : "(%l+)"')
  local documented = {}
  for _, cells in ipairs(rows(section("doc/events.md", "events"))) do
    documented[cells[1]:match("^`(%l+)`$")] = true
  end
  assert_same_names(told, documented)
  assert_same_names(told, collect({}, read(TYPES):match("@field name (%S+)\n"), '"(%l+)"'))

  local fields = collect({}, read("csrc/lua_event.c"), 'ait_set_%l+%(L, "([%l_]+)"')
  collect(fields, read("csrc/lua_event.c"), 'lua_setfield%(L, event, "(%l+)"%)')
  assert_same_names(fields, docs.fields_of(TYPES, "aitronos.Event"))
  for field in pairs(fields) do
    assert.truthy(section("doc/events.md", "events"):find("[`.]" .. field .. "`"), field)
  end
end)

it("the params are those of the operation", function()
  local taken, required = {}, {}
  for _, parameter in ipairs(endpoints.invite_user.parameters) do
    for _, name in ipairs(parameter.names) do
      taken[name] = true
    end
    required[table.concat(parameter.names, " ")] = parameter.required == true
  end
  assert_same_names(taken, docs.first_names("README.md", "params"))
  for _, cells in ipairs(rows(section("README.md", "params"))) do
    local names = cells[1]:gsub("`", ""):gsub(" or ", " ")
    assert.equal(cells[2] ~= "at most one", required[names], names)
  end
end)

it("the fields of an Error are those that it can have, and of the type", function()
  local class = docs.fields_of("lua/aitronos/error.lua", "aitronos.Error")
  assert_same_names(class, docs.first_names("doc/errors.md", "error fields"))
  local given = {}
  for name in pairs(class) do
    given[name] = "x"
  end
  given.other = "x"
  local kept = errors.new(given)
  assert.is_nil(rawget(kept, "other"))
  assert_same_names(class, kept)
  assert_same_names(class, kept:to_table())
end)

it("the README's outcomes are those of the core, and of the type", function()
  local names = read("csrc/lua_outcome.c"):match("ait_outcome_fate_name.-\n}")
  local real = collect({}, names, '"([%l_]+)"')
  local shown = read("README.md"):match("| `outcome` | the invitation.-\n\n")
  assert_same_names(real, collect({}, shown, "\n| `([%l_]+)`"))
  local class = read("lua/aitronos/error.lua"):match("@field outcome ([^\n]+)")
  assert_same_names(real, collect({}, class, '"([%l_]+)"'))
end)

describe("the targets of make", function()
  local public = collect({}, read("Makefile"), "\n([%l-]+):[^\n]*## ")

  it("that the pages name exist", function()
    local named = {}
    for _, page in ipairs(docs.pages()) do
      collect(named, read(page), "`make ([%l-]+)[^`\n]*`")
    end
    for _, block in ipairs(docs.blocks()) do
      if block.language == "sh" then
        collect(named, block.text, "%f[%w]make (%l[%l-]*)")
      end
    end
    for target in pairs(named) do
      assert.is_true(public[target], "make " .. target)
    end
  end)

  it("are all in the README", function()
    assert_same_names(public, collect({}, section("README.md", "targets"), "`make ([%l-]+)`"))
  end)
end)

it("doc/command.md names options that the command has", function()
  local has = {}
  for _, option in ipairs(require("aitronos.cli.usage").OPTIONS) do
    has[option.name] = true
  end
  local named = collect({}, read("doc/command.md"), "[`%s](%-%-%l[%l-]*)")
  for name in pairs(named) do
    assert.is_true(has[name], name)
  end
end)

describe("the sandbox's page", function()
  local server = sandbox.each()

  it("lists its faults", function()
    local lines = { "| name | what happens |", "| --- | --- |" }
    for _, fault in ipairs(cjson.decode(server.get("/_sandbox/faults"))) do
      lines[#lines + 1] = ("| `%s` | %s |"):format(fault.name, fault.what)
    end
    assert.equal(table.concat(lines, "\n") .. "\n", section("doc/sandbox.md", "faults"))
  end)

  it("names its pages", function()
    local served = collect({}, read("sandbox/lua/admin.lua"), '%["(%u+ /_sandbox/%l+)"%]')
    assert_same_names(served, collect({}, read("doc/sandbox.md"), "| `(%u+ /_sandbox/%l+)` |"))
  end)
end)

describe("the files", function()
  local ARCHITECTURE = read("doc/architecture.md")

  it("that doc/architecture.md names exist", function()
    local named = collect({}, ARCHITECTURE, "`([%w_.][%w_.-]*/[%w_./-]*)`")
    collect(named, ARCHITECTURE, "[%w_./-]+%.[chl][%w]*")
    for path in ARCHITECTURE:gmatch("[%w_/]+%.%[ch%]") do
      named[path:sub(1, -5) .. "c"] = true
      named[path:sub(1, -5) .. "h"] = true
    end
    for path in pairs(named) do
      local found = exists(path)
        or not path:find("/") and (exists("csrc/" .. path) or exists("lua/aitronos/" .. path))
      assert.is_true(found, path)
    end
  end)

  it("of the library are all in doc/architecture.md", function()
    local text = ARCHITECTURE:gsub("([%w_/]+)%.%[ch%]", "%1.c %1.h")
    for path in output_of("find csrc lua -name '*.[ch]' -o -name '*.lua'"):gmatch("[^\n]+") do
      assert.truthy(text:find(path, 1, true), path)
    end
  end)
end)
