--- The README, doc/architecture.md and the types say what the sources say, in both directions.

local aitronos = require "aitronos"
local cjson = require "cjson"
local errors = require "aitronos.error"
local failure = require "aitronos.failure"
local options = require "aitronos.options"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local output_of = shell.output_of

local function read(path)
  return assert(shell.read_file(path), path)
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close() ~= nil
end

local README = read("README.md")
local ARCHITECTURE = read("doc/architecture.md")
local TYPES = read("lua/aitronos/meta/types.lua")

-- What stands between two markers of the README.
local function section(name)
  local found = README:match("<!%-%- begin " .. name .. " %-%->\n(.-)<!%-%- end " .. name .. " ")
  return assert(found, "the README has no section " .. name)
end

-- The rows of a table below its head, as lists of cells.
local function rows(text)
  local found = {}
  for line in text:gmatch("|[^\n]*") do
    local cells = {}
    for cell in line:gmatch("|%s*([^|]*)") do
      cells[#cells + 1] = cell:match("^(.-)%s*$")
    end
    found[#found + 1] = cells
  end
  assert(#found > 2, "an empty table")
  table.remove(found, 1)
  table.remove(found, 1)
  return found
end

-- The sets have the same names, or a message says which only one has.
local function assert_same_names(expected, actual)
  local wrong = {}
  for name in pairs(expected) do
    wrong[#wrong + 1] = not actual[name] and name .. " is missing" or nil
  end
  for name in pairs(actual) do
    wrong[#wrong + 1] = not expected[name] and name .. " is too much" or nil
  end
  assert.truthy(next(expected), "nothing to compare")
  assert.same({}, wrong)
end

-- Adds the pattern's captures to a set.
local function collect(set, text, pattern)
  for name in text:gmatch(pattern) do
    set[name] = true
  end
  return set
end

local function fields_of(class)
  local body = TYPES:match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "\n(.-)\n\n")
    or TYPES:match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "\n(.*)$")
  return collect({}, body, "%-%-%-@field ([%w_]+)")
end

describe("the README's exit codes", function()
  it("are those of the command", function()
    local documented = {}
    for _, cells in ipairs(rows(section "exits")) do
      documented[#documented + 1] = { code = tonumber(cells[1]), help = cells[2] }
    end
    local real = {}
    for place, exit in ipairs(require("aitronos.cli.usage").EXITS) do
      real[place] = { code = exit.code, help = exit.help }
    end
    assert.same(real, documented)
  end)
end)

describe("the README's options", function()
  local documented = {}
  for _, cells in ipairs(rows(section "options")) do
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
    assert_same_names(documented, fields_of "aitronos.Options")
  end)
end)

it("the README's kinds and codes of errors are those that there are", function()
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
  for _, cells in ipairs(rows(section "kinds")) do
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

it("the README's table of what follows an attempt is that of the policy's test", function()
  local folder = build_folder()
  if not folder then
    pending("policy_test is not built")
    return
  end
  assert.equal(output_of("'" .. folder .. "/c/policy_test' --table"), section "policy")
end)

it("the README's events and those of the type are those that are told", function()
  local told = {}
  local source = read("csrc/lua_turn.c")
  collect(told, source, '%.name = "(%l+)"')
  collect(told, source, '%.name = [^,"]*"(%l+)"')
  collect(told, source, '%.name = [^,"]*"%l+" : "(%l+)"')
  local documented = {}
  for _, cells in ipairs(rows(section "events")) do
    documented[cells[1]:match("^`(%l+)`$")] = true
  end
  assert_same_names(told, documented)
  assert_same_names(told, collect({}, TYPES:match("@field name (%S+)\n"), '"(%l+)"'))

  local fields = collect({}, read("csrc/lua_event.c"), 'ait_set_%l+%(L, "([%l_]+)"')
  collect(fields, read("csrc/lua_event.c"), 'lua_setfield%(L, event, "(%l+)"%)')
  assert_same_names(fields, fields_of "aitronos.Event")
  for field in pairs(fields) do
    assert.truthy(section("events"):find("[`.]" .. field .. "`"), field)
  end
end)

describe("the README's targets of make", function()
  local public = collect({}, read("Makefile"), "\n([%l-]+):[^\n]*## ")

  it("exist", function()
    local named = {}
    collect(named, README, "`make ([%l-]+)[^`\n]*`")
    for block in README:gmatch("```sh\n(.-)```") do
      collect(named, block, "%f[%w]make (%l[%l-]*)")
    end
    for target in pairs(named) do
      assert.is_true(public[target], "make " .. target)
    end
  end)

  it("are all of them", function()
    assert_same_names(public, collect({}, section "targets", "`make ([%l-]+)`"))
  end)
end)

describe("beside a sandbox, the README", function()
  local server

  setup(function() server = sandbox.start() end)
  teardown(function() server.stop() end)
  before_each(function() server.reset() end)

  local function run(command, key)
    return output_of(("env FREDDY_API_KEY=%s AITRONOS_BASE_URL=%s %s 2>&1; echo \"exit $?\"")
      :format(key, server.base_url, command))
  end

  local function lua()
    return os.getenv("LUA_COMMAND") or "lua5.4"
  end

  it("lists its faults", function()
    local lines = { "| name | what happens |", "| --- | --- |" }
    for _, fault in ipairs(cjson.decode(server.get("/_sandbox/faults"))) do
      lines[#lines + 1] = ("| `%s` | %s |"):format(fault.name, fault.what)
    end
    assert.equal(table.concat(lines, "\n") .. "\n", section "faults")
  end)

  it("names its pages", function()
    local served = collect({}, read("sandbox/lua/admin.lua"), '%["(%u+ /_sandbox/%l+)"%]')
    assert_same_names(served, collect({}, README, "| `(%u+ /_sandbox/%l+)` |"))
  end)

  -- With what differs from run to run taken out.
  local function steady(text)
    return (text:gsub("(127%.0%.0%.1):%d+", "%1"):gsub("(%l+_)[%x-]*%d[%x-]*", "%1")
      :gsub("trace [%x-]+", "trace"):gsub("%d+-%d+-%d+T%d+:%d+:%d+Z", "")
      :gsub("[%d.]+ ms", "ms"))
  end

  it("shows what the demo prints", function()
    local shown = README:match("```text\n(.-)```")
    local printed = run("examples/demo " .. lua(), "none")
    assert.equal(steady(shown .. "exit 0\n"), steady(printed))
  end)

  -- check(path, expected) for each block of Lua; expected is nil where nothing is said of it.
  local function each_script(check)
    local count = 0
    for block, line in README:gmatch("```lua\n(.-)```\n([^\n]*)") do
      local path = os.tmpname()
      shell.write_file(path, block)
      check(path, line:match("^<!%-%- prints: (.-) %-%->$"))
      os.remove(path)
      count = count + 1
    end
    assert.is_true(count > 2)
  end

  it("has Lua that loads", function()
    each_script(function(path) assert(loadfile(path)) end)
  end)

  it("has Lua that does what it says", function()
    local count = 0
    each_script(function(path, expected)
      if expected then
        local printed = run(lua() .. " " .. path, "sandbox_unlimited")
        assert.truthy(printed:find("^" .. expected .. "\nexit 0\n$"), printed)
        count = count + 1
      end
    end)
    assert.is_true(count > 2)
  end)
end)

describe("the files", function()
  it("that the README links to exist", function()
    for path in README:gmatch("%]%(([^)]+)%)") do
      assert.is_true(exists(path), path)
    end
  end)

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
