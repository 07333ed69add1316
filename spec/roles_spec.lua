--- Roles by their names, and as a table.

local roles = require "aitronos.cli.roles"

local LIST = {
  { id = "role_1", name = "Owner" },
  { id = "role_2", name = "Member", description = "Works here." },
  { id = "role_3", name = "Gärtner" },
  { id = "role_4", name = "MEMBER" },
}

local function message_of(name, list)
  local id, message = roles.id_of(list or LIST, name)
  assert.is_nil(id)
  return message
end

describe("a role's id", function()
  it("is found by its name, whatever case and outer space", function()
    for _, name in ipairs { "Owner", "owner", " OWNER\t" } do
      assert.equal("role_1", roles.id_of(LIST, name))
    end
  end)

  it("is that of the very name, where others differ in case only", function()
    assert.equal("role_2", roles.id_of(LIST, "Member"))
    assert.equal("role_4", roles.id_of(LIST, "MEMBER"))
    assert.equal("more than one role is named 'member': give one of their ids, role_2, role_4",
      message_of "member")
  end)

  it("is none where no name is the same; the closest come first", function()
    assert.equal("there is no role named 'Ovner', but Owner, MEMBER, Member, Gärtner",
      message_of "Ovner")
    assert.equal("there is no role named 'Gartner', but Gärtner, Owner, MEMBER, Member",
      message_of "Gartner")
    assert.equal("there is no role named 'x', but none at all", message_of("x", {}))
  end)

  it("is told from a name", function()
    assert.equal("'role_2' is an id, and no name: give it as --role, or as a row's role_id",
      message_of "role_2")
  end)

  it("is told in text that a terminal can't be fooled by, however long the name", function()
    local message = message_of(("\27[31m"):rep(1000), { { id = "r", name = "\27]0;x\7" } })
    assert.is_nil(message:find("%c"))
    assert.is_true(#message < 1000)
  end)

  it("is asked for when the first name comes up, and once", function()
    local asked = 0
    local id_of = roles.resolver(function()
      asked = asked + 1
      return LIST
    end)
    assert.equal(0, asked)
    assert.equal("role_1", id_of "owner")
    assert.equal("role_1", id_of "owner")
    assert.truthy(select(3, id_of "none"):find("no role named 'none', but ", 1, true))
    assert.equal(1, asked)
  end)

  it("comes with words for each row and for once, where a name is none", function()
    local id_of = roles.resolver(function() return LIST end)
    for _ = 1, 2 do
      assert.same({ nil, "there is no role named 'Ovner'",
        "there is no role named 'Ovner', but Owner, MEMBER, Member, Gärtner" }, { id_of "Ovner" })
      local _, message, in_full = id_of "role_2"
      assert.equal(message, in_full)
    end
  end)

  it("keeps no more than so many wrong names", function()
    local id_of = roles.resolver(function() return LIST end)
    for number = 1, 25 do
      local _, message, in_full = id_of("none " .. number)
      assert.equal("there is no role named 'none " .. number .. "'", message)
      assert.equal(number <= 20, in_full ~= nil)
    end
    assert.is_string(select(3, id_of "none 20"))
    assert.equal("role_1", id_of "owner")
  end)
end)

describe("roles as a table", function()
  it("are aligned, with descriptions where there are any", function()
    assert.equal([[
ID      NAME     DESCRIPTION
role_1  Owner
role_2  Member   Works here.
role_3  Gärtner
role_4  MEMBER
]], roles.shown(LIST))
    assert.equal("ID      NAME\nrole_1  Owner\n", roles.shown { LIST[1] })
    assert.equal("ID  NAME\n", roles.shown {})
  end)

  it("hold nothing that a terminal obeys", function()
    local shown = roles.shown { { id = "\27[2J", name = "\r", description = "a\nb" } }
    assert.is_nil(shown:gsub("\n", ""):find("%c"))
    assert.equal(2, select(2, shown:gsub("\n", "")))
  end)
end)
