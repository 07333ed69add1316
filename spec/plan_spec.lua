--- The whole input before anything is sent, and again as it is sent.

local call = require("aitronos.cli.invite").call(function(name)
  if name == "Admin" then
    return "role_admin"
  end
  return nil, "there is no role named " .. name
end)
local person = require "aitronos.cli.person"
local plan = require "aitronos.cli.plan"

local SETTINGS = { org = "org_xyz789", role = "role_member" }

-- People out of { line, address, role, changes }.
local function source_of(list)
  local index = 0
  return function()
    index = index + 1
    local row = list[index]
    if row then
      local one = person.new(row[1])
      one:set("address", row[2])
      if row[3] then
        one:set("role", row[3])
      end
      for name, value in pairs(row[4] or {}) do
        one:set(name, value)
      end
      return one
    end
  end
end

local function collect(told)
  return function(row)
    told[#told + 1] = ("%d %s"):format(row.line, row.outcome)
  end
end

local function make(list, settings)
  local told = {}
  local made = plan.make(source_of(list), settings or SETTINGS, call, collect(told))
  return made, table.concat(told, ", ")
end

-- What is invited the second time, and what is told.
local function again(made, list)
  local told, invited = {}, {}
  for one, params in made:again(source_of(list), collect(told)) do
    invited[#invited + 1] = ("%d %s %s"):format(one.line, params.email, params.role_id)
  end
  return table.concat(invited, ", "), table.concat(told, ", ")
end

describe("a plan", function()
  it("has each address once, the first one, whatever its letters' case", function()
    local list = { { 2, "A@x.com" }, { 3, "a@X.com" }, { 5, "b@x.com" } }
    local made, told = make(list)
    assert.equal("3 duplicate", told)
    assert.same({ 3, 2, 0, 1 }, { made.rows, made.people, made.invalid, made.duplicates })
    local invited, then_told = again(made, list)
    assert.equal("2 A@x.com role_member, 5 b@x.com role_member", invited)
    assert.equal("3 duplicate", then_told)
  end)

  it("invites nobody whose address is there with two roles", function()
    local list = { { 1, "a@x.com", "role_a" }, { 2, "a@x.com" }, { 3, "a@x.com", "role_a" } }
    local made, told = make(list)
    assert.equal("1 invalid, 2 invalid, 3 invalid", told)
    assert.same({ 3, 0, 3 }, { made.rows, made.people, made.invalid })
    assert.same({ "", "1 invalid, 2 invalid, 3 invalid" }, { again(made, list) })
  end)

  it("takes the command's role for the same one where a row names it", function()
    local made, told = make { { 1, "a@x.com", "role_member" }, { 2, "a@x.com" } }
    assert.equal("2 duplicate", told)
    assert.equal(1, made.people)
  end)

  it("finds all faults of each row", function()
    local faults = {}
    plan.make(source_of { { 1, "nobody" }, { 2, "" } }, { org = "org_1" }, call, function(row)
      faults[#faults + 1] = row.message
    end)
    assert.truthy(faults[1]:find("email: ", 1, true) and faults[1]:find("role_id", 1, true))
    assert.equal(2, #faults)
  end)

  it("finds every repeat of a long list, whatever part of it is in memory", function()
    local list, expected, invited = {}, {}, 0
    for line = 1, 50000 do
      -- Each third address of the second half is one of the first; each ninth has another role.
      local again_of = line > 25000 and line % 3 == 0 and line - 25000
      local other = again_of and line % 9 == 0
      list[line] = { line, ("P%d@x.com"):format(again_of or line), other and "role_b" or nil }
      if other then
        expected[line], expected[again_of] = "invalid", "invalid"
      elseif again_of then
        expected[line] = "duplicate"
      end
    end
    local told = {}
    local made = plan.make(source_of(list), SETTINGS, call, function(row)
      told[row.line] = row.outcome
    end)
    assert.same(expected, told)
    for one in made:again(source_of(list), function() end) do
      assert.is_nil(expected[one.line])
      invited = invited + 1
    end
    assert.equal(made.people, invited)
    assert.equal(50000, made.people + made.invalid + made.duplicates)
  end)

  it("has what a row says about its role and its mail in the call", function()
    local made = make({ { 1, "a@x.com", nil, { role_name = "Admin", send = "no" } } })
    local list = source_of { { 1, "a@x.com", nil, { role_name = "Admin", send = "no" } } }
    local _, params = made:again(list, error)()
    assert.same({ organization_id = "org_xyz789", email = "a@x.com", role_id = "role_admin",
      send_invitation = false }, params)
  end)

  it("takes a role for the same one where it is named, and refuses a name that is none", function()
    local made, told = make {
      { 1, "a@x.com", "role_admin" }, { 2, "a@x.com", nil, { role_name = "Admin" } },
      { 3, "b@x.com", nil, { role_name = "Amdin" } },
    }
    assert.equal("3 invalid, 2 duplicate", told)
    assert.equal(1, made.people)
  end)

  it("has no mail sent where it is told so", function()
    local one = source_of({ { 1, "a@x.com", nil, { send = "yes" } } })()
    local params = call.params({ org = "o", role = "r", no_send = true }, one)
    assert.is_false(params.send_invitation)
  end)

  it("is refused for a wrong organization or role", function()
    assert.is_nil(plan.fault(SETTINGS))
    assert.truthy(plan.fault({ org = "xyz" }):find("^%-%-org "))
    assert.truthy(plan.fault({ org = "org_1", role = "a\nb" }):find("^%-%-role "))
  end)
end)
