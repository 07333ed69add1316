--- What can be called, the table of it in doc/methods.md, and the types: each has what the others
--- have.

local aitronos = require "aitronos"
local core = require "aitronos.core"
local endpoints = require "aitronos.endpoints"
local docs = require "spec.support.docs"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local assert_same_names, read = docs.assert_same_names, docs.read

local PARAMS = {
  organization_id = "org_xyz789", email = "new@example.com", role_id = "role_member",
}
local LOOK_UP = { organization_id = "org_xyz789", email = "new@example.com" }
local META = "lua/aitronos/meta/"

-- Names of functions to what stands between their parentheses.
local function functions_in(path, table_name)
  local found = {}
  local pattern = "\nfunction " .. table_name .. "[.:]([%w_]+)(%b())"
  for name, arguments in ("\n" .. read(path)):gmatch(pattern) do
    found[name] = arguments:sub(2, -2)
  end
  return found
end

local function documented(object)
  local found = {}
  for _, cells in ipairs(docs.rows(docs.section("doc/methods.md", object))) do
    local name, arguments = cells[1]:match("^`%w+[.:]([%w_]+)(.*)`$")
    found[name] = arguments:sub(2, -2)
  end
  return found
end

-- The methods of a userdata, whose metatable is not shown, as its C file registers them.
local function methods_of(object, path)
  local names = docs.collect({}, read(path):match("methods%[%] = (%b{})"), '{"([%l_]+)",')
  for name in pairs(names) do
    assert.is_function(object[name])
  end
  return names
end

describe("what can be called", function()
  local client, job, run

  before_each(function()
    client = aitronos.new { api_key = "key" }
    job = client:submit(PARAMS)
    run = client:invite_users {}
  end)

  after_each(function() client:close() end)

  it("of the module", function()
    assert_same_names(aitronos, documented "aitronos")
    local functions = functions_in("lua/aitronos.lua", "aitronos")
    functions._VERSION = ""
    assert_same_names(aitronos, functions)
  end)

  it("of a client", function()
    local real = getmetatable(client).__index
    local known = documented "client"
    for name in pairs(endpoints) do
      assert.truthy(known[name], name)
      known["try_" .. name] = known[name]
    end
    assert_same_names(real, known)
    local typed = functions_in("lua/aitronos/client.lua", "Client")
    for name, arguments in pairs(functions_in(META .. "operations.lua", "Client")) do
      typed[name] = arguments
    end
    assert_same_names(real, typed)
  end)

  it("of a job", function()
    local real = methods_of(job, "csrc/lua_job.c")
    assert_same_names(real, documented "job")
    assert_same_names(real, docs.fields_of(META .. "types.lua", "aitronos.Job"))
  end)

  it("of a run", function()
    local real = getmetatable(run).__index
    assert_same_names(real, documented "run")
    assert_same_names(real, functions_in("lua/aitronos/bulk.lua", "Run"))
  end)

  it("of an Error", function()
    local _, err = client:try_invite_user {}
    assert_same_names(getmetatable(err).__index, documented "error")
  end)

  it("of the core", function()
    local typed = functions_in(META .. "core.lua", "core")
    for name in pairs(docs.fields_of(META .. "core.lua", "aitronos.core")) do
      typed[name] = ""
    end
    assert_same_names(core, typed)
    local real = methods_of(client.core, "csrc/lua_client.c")
    assert_same_names(real, functions_in(META .. "core.lua", "Client"))
  end)

  it("of the core is called with as many arguments as its type has", function()
    local typed = functions_in(META .. "core.lua", "Client")
    local count = 0
    for name, given in read("lua/aitronos/client.lua"):gmatch("core:([%w_]+)(%b())") do
      local expected, calls = typed[name]:gsub("%w+", ""), given:sub(2, -2):gsub("[%w_.]+ or ", "")
      assert.equal(select(2, expected:gsub(",", "")), select(2, calls:gsub(",", "")), name)
      count = count + 1
    end
    assert.is_true(count > 5)
  end)
end)

describe("an operation", function()
  local TYPES = META .. "operations.lua"

  it("has a row in the table of its page", function()
    local known = {}
    for _, cells in ipairs(docs.rows(docs.section("doc/operations.md", "operations"))) do
      local name = cells[1]:match("^`client:([%w_]+)`$")
      local row = assert(endpoints[name], cells[1])
      known[name] = true
      assert.equal(("`%s %s`"):format(row.method, row.path), cells[2])
      assert.equal(row.repeatable and "yes" or "no", cells[3], name)
      assert.equal(row.anonymous and "no" or "yes", cells[4], name)
    end
    assert_same_names(endpoints, known)
  end)

  it("has a type for what it takes, with its parameters", function()
    local text = read(TYPES)
    for name, row in pairs(endpoints) do
      local class = assert(text:match("%-%-%-@param params (aitronos%.%w+)\n[^\n]+\n[^\n]+\n"
        .. "function Client:" .. name .. "%("), name)
      local fields = docs.fields_of(TYPES, class)
      local known = {}
      for _, parameter in ipairs(row.parameters) do
        local alone = parameter.required and #parameter.names == 1
        for _, parameter_name in ipairs(parameter.names) do
          known[parameter_name] = true
          assert.equal(alone and "required" or "optional", fields[parameter_name], parameter_name)
        end
      end
      assert_same_names(known, fields)
    end
  end)

  it("is among those that the type of their names lists", function()
    local alias = read(TYPES):match("@alias aitronos.Operation\n(.-)\n\n")
    assert_same_names(endpoints, docs.collect({}, alias, '"([%l_]+)"'))
  end)
end)

describe("doc comments", function()
  -- Of each public function the comment above it.
  local function check(path, table_name)
    local comment, count = {}, 0
    for line in read(path):gmatch("([^\n]*)\n") do
      local name, arguments = line:match("^function " .. table_name .. "[.:]([%w_]+)(%b())")
      if name then
        local typed, actual = {}, docs.collect({}, arguments, "([%w_]+)")
        for _, text in ipairs(comment) do
          typed[text:match("^%-%-%-@param ([%w_]+)") or ""] = true
        end
        typed[""] = nil
        assert.same(actual, typed, path .. ": " .. name)
        count = count + 1
      end
      comment = line:find("^%-%-%-") and comment or {}
      comment[#comment + 1] = line
    end
    assert.is_true(count > 0)
  end

  it("type every parameter", function()
    check("lua/aitronos.lua", "aitronos")
    check("lua/aitronos/client.lua", "Client")
    check("lua/aitronos/bulk.lua", "Run")
    check(META .. "operations.lua", "Client")
    check(META .. "core.lua", "Client")
    check(META .. "core.lua", "core")
  end)

  it("have the arguments of the table in doc/methods.md", function()
    for object, place in pairs {
      aitronos = { "lua/aitronos.lua", "aitronos" },
      client = { "lua/aitronos/client.lua", "Client" },
      run = { "lua/aitronos/bulk.lua", "Run" },
    } do
      local real = functions_in(place[1], place[2])
      if object == "client" then
        for name, arguments in pairs(functions_in(META .. "operations.lua", "Client")) do
          real[name] = arguments
        end
      end
      for name, arguments in pairs(documented(object)) do
        -- Inside they are `given`, since `params` is a module there.
        local inside = (real[name] or ""):gsub("^given", name == "new" and "options" or "params")
        assert.equal(inside, arguments, name)
      end
    end
  end)

  it("name classes that there are", function()
    local classes, used = {}, {}
    for path in shell.output_of("find lua -name '*.lua'"):gmatch("[^\n]+") do
      for line in read(path):gmatch("[^\n]+") do
        if line:find("^%s*%-%-%-@class") or line:find("^%s*%-%-%-@alias") then
          classes[line:match("@%l+ ([%w_.]+)")] = true
        end
        if line:find("^%s*%-%-%-[@|]") then
          docs.collect(used, line:gsub("`[^`]*`", ""), "[%s:<(|?,](aitronos%.[%w_.]*[%w_])")
        end
      end
    end
    for name in pairs(used) do
      assert.is_true(classes[name] or pcall(require, name), name)
    end
    assert.is_true(used["aitronos.Run"])
  end)
end)

describe("the fields", function()
  -- All that the type says is always there is there, and nothing that it does not know.
  local function assert_typed(value, path, class)
    local fields = docs.fields_of(path, class)
    for name in pairs(value) do
      assert.truthy(fields[name], class .. " has no " .. tostring(name))
    end
    for name, need in pairs(fields) do
      assert.truthy(value[name] ~= nil or need == "optional", class .. " needs " .. name)
    end
    return fields
  end

  -- Each field's name is in the page's text.
  local function assert_explained(fields, page)
    local text = read(page)
    for name in pairs(fields) do
      assert.truthy(text:find("`" .. name .. "`", 1, true), page .. " does not explain " .. name)
    end
  end

  it("of a driver are those that the client uses", function()
    local source = read("lua/aitronos/client.lua")
    assert_same_names(docs.collect({}, source, "[^_%w]driver%.([%l_]+)[%s(]"),
      docs.fields_of(META .. "types.lua", "aitronos.Driver"))
  end)

  describe("beside a sandbox,", function()
    local server = sandbox.each()
    local client

    before_each(function()
      server.reset()
      client = aitronos.new { api_key = "sandbox_owner", base_url = server.base_url }
    end)
    after_each(function() client:close() end)

    it("of a response", function()
      local _, response = client:invite_user(PARAMS)
      local fields = assert_typed(response, META .. "types.lua", "aitronos.Response")
      assert_same_names(fields, docs.first_names("README.md", "response"))
      local limits = assert_typed(response.rate_limit, META .. "types.lua", "aitronos.RateLimit")
      assert_same_names(limits, response.rate_limit)
      assert_explained(limits, "README.md")
    end)

    it("of an invitation", function()
      local class = META .. "operations.lua"
      local made = client:invite_user(PARAMS)
      assert_typed(made, class, "aitronos.Invitation")
      local found = client:invite_user {
        organization_id = "org_xyz789",
        email = "fault+lostreply@example.com",
        role_id = "role_member",
      }
      local fields = assert_typed(found, class, "aitronos.Invitation")
      for name in pairs(fields) do
        assert.truthy(made[name] ~= nil or found[name] ~= nil, name)
      end
    end)

    it("of outcomes and progress", function()
      local progress
      local seen = {}
      local options = { on_progress = function(given) progress = given end, concurrency = 2 }
      for outcome in client:invite_users({ PARAMS, {} }, options) do
        assert_typed(outcome, "lua/aitronos/bulk.lua", "aitronos.Outcome")
        for name in pairs(outcome) do
          seen[name] = true
        end
      end
      for outcome in client:for_each("get_invitation", { LOOK_UP }) do
        seen.result = outcome.result
      end
      local outcomes = docs.fields_of("lua/aitronos/bulk.lua", "aitronos.Outcome")
      assert_same_names(seen, outcomes)
      assert_explained(outcomes, "doc/bulk.md")
      local fields = assert_typed(progress, "lua/aitronos/bulk.lua", "aitronos.BulkProgress")
      assert_same_names(fields, progress)
      assert_explained(fields, "doc/bulk.md")
      local taken = docs.fields_of("lua/aitronos/bulk.lua", "aitronos.BulkOptions")
      assert_same_names(taken, options)
      assert_explained(taken, "doc/bulk.md")
    end)
  end)
end)
