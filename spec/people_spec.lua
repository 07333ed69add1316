local csv = require "aitronos.csv"
local people = require "aitronos.cli.people"
local property = require "spec.support.property"

local function reader(text)
  local chunk = text
  return function()
    local given = chunk
    chunk = nil
    return given
  end
end

-- A person as a list of words: line, address, then what else is known, then faults.
local function described(person)
  local words = { person.line, person.address }
  for _, name in ipairs { "role", "role_name", "send" } do
    if person[name] ~= nil then
      words[#words + 1] = name .. "=" .. tostring(person[name])
    end
  end
  for _, fault in ipairs(person.faults or {}) do
    words[#words + 1] = fault.field .. ": " .. fault.message
  end
  return table.concat(words, " ")
end

local function read(text, options)
  local out = {}
  local next_person, about = people.open(reader(text), options)
  for person in next_person do
    out[#out + 1] = described(person)
  end
  return out, about
end

local function assert_people(expected, text, options)
  assert.same(expected, (read(text, options)))
end

describe("people.open, of CSV", function()
  it("knows columns by many names, in any case", function()
    local names = { "email", "E-Mail", "MAIL", " Address ", "email_address", "Mail-Address" }
    for _, name in ipairs(names) do
      assert_people({ "2 a@x" }, name .. "\na@x\n")
    end
    for name, meaning in pairs {
      ["role"] = "role=yes", ["Role ID"] = "role=yes", ["role_id"] = "role=yes",
      ["roleId"] = "role=yes", ["Role-Name"] = "role_name=yes", ["send"] = "send=true",
      ["Send Invitation"] = "send=true", ["send_email"] = "send=true", ["invite"] = "send=true",
    } do
      assert_people({ "2 a@x " .. meaning }, name .. ",email\nyes,a@x\n")
    end
  end)

  it("names the columns that it ignores", function()
    local found, about = read("Full name;E-mail;;Note\nJane;a@x;1;2\n")
    assert.same({ "2 a@x" }, found)
    assert.same({ format = "csv", ignored = { "Full name", "Note" } }, about)
  end)

  it("takes rows that lack their last columns, and none that have more than the header", function()
    assert_people({
      "2 a@x",
      "3 b@x role=r",
      "4 c@x role=r row: has 3 columns, and the header has 2",
    }, "email,role\na@x\nb@x,r,,\nc@x,r,s\n")
  end)

  it("leaves out what a cell does not say", function()
    assert_people({ "2 a@x", "3  role=r" }, "email,role,send\na@x, ,\n,r,\n")
  end)

  it("skips rows of blanks only", function()
    assert_people({ "4 a@x", "7 b@x" }, " ,\nemail,role\n,\na@x,\n ,\t\n\nb@x\n")
  end)

  it("reads booleans as people write them", function()
    assert_people({
      "2 a send=true", "3 a send=true", "4 a send=true", "5 a send=true",
      "6 a send=false", "7 a send=false", "8 a send=false", "9 a send=false",
      "10 a send_invitation: must be true or false, yes or no, 1 or 0",
    }, "send,email\nTRUE,a\nYes,a\n y ,a\n1,a\nFalse,a\nNO,a\nn,a\n0,a\nmaybe,a\n")
  end)

  it("takes one role only", function()
    assert_people({
      "2 a@x role=r", "3 a@x role_name=n",
      "4 a@x role=r role_name=n role_name: give only one of role_id and role_name",
    }, "email,role,role name\na@x,r,\na@x,,n\na@x,r,n\n")
  end)

  it("goes on after a malformed row", function()
    assert_people({
      "2  row: has a quote within a column that does not begin with one",
      "3 b@x",
      "4  row: has a quote that is never closed; lines 4 to 5 were not read",
    }, 'email\na"x\nb@x\n"c@x\nd@x\n')
  end)

  it("reads nothing where it does not know what columns mean", function()
    local none = "row: has no column named email, and no address; nothing after it was read"
    assert_people({ "2  " .. none }, "\nname,company\nJane,a@x\n")
    assert_people({ "1  " .. none }, "role,send\nr,yes\n")
    assert_people({
      "1  row: has more than one column for the address; nothing after it was read",
    }, "email,mail,role\na@x,b@x,r\n")
    assert_people({
      "1  row: has a quote within a column that does not begin with one; "
        .. "nothing after it was read",
    }, 'em"ail\na@x\n')
  end)

  it("takes an address for no header, and a header for no address", function()
    assert_people({ "1 a@x role=role" }, "a@x,role\n")
    assert_people({ "2 a@x" }, "email,note @ work\na@x,\n")
  end)

  it("has nobody in an empty input", function()
    assert_people({}, "")
    assert_people({}, "\n \n")
    assert_people({}, "email\n")
  end)
end)

describe("people.open, of a list", function()
  it("takes an address a line, or an address and a role", function()
    assert_people({ "1 a@x", "2 b@x role=r", "3 c@x", "5 d@x" },
      "a@x\nb@x, r\nc@x,\n\n d@x \n")
  end)

  it("takes addresses out of what mail programs write", function()
    assert_people({ "1 a@x", "2 j@x", "3 j@x role=r", "4 j@x", "5 a@x", "6 a@x" },
      'Ann <a@x>\n"Doe, Jane" <j@x>\n"Doe, Jane" <j@x>,r\n"Doe, Jane <j@x>"\n< a@x >\na@x <a@x>\n')
  end)

  it("loses no address behind another", function()
    local two = " row: has an address in its second column: give each address a line of its own, "
      .. "and put a name with a comma in quotes"
    assert_people({ "1 a@x" .. two, "2 Doe" .. two }, "a@x,b@x\nDoe, Jane <j@x>\n")
    for _, address in ipairs { "a@x; B <b@x>", "<a@x> <b@x>", "a@x, <b@x>" } do
      assert_people({ "2 " .. address }, 'email\n"' .. address .. '"\n')
    end
  end)

  it("takes no more columns", function()
    assert_people({
      "1 a@x row: has 3 columns: without a header, give an address, or an address and a role id",
    }, "a@x,r,yes\n")
  end)

  it("keeps letter case, and folds ASCII letters to compare", function()
    local person = people.open(reader("J\195\132ne@EXAMPLE.org\n"))()
    assert.equal("J\195\132ne@EXAMPLE.org", person.address)
    assert.equal("j\195\132ne@example.org", person.key)
  end)

  it("is done soon with much white space #bulk", function()
    local blanks = (" "):rep(1000000)
    local person = people.open(reader("a" .. blanks .. "@x\n"))()
    assert.equal("a" .. blanks .. "@x", person.address)
    person = people.open(reader(("@"):rep(1000000) .. " <a@x>\n"))()
    assert.equal("a@x", person.address)
  end)
end)

describe("people.open, of JSON lines", function()
  it("finds that it is given them", function()
    for _, before in ipairs { "", "\239\187\191", "\r\n " } do
      local found, about = read(before .. '{"email":"a@x"}')
      assert.equal("jsonl", about.format)
      assert.equal(1, #found)
    end
    assert_people({ "1  row: is not a JSON object" }, "a@x", { format = "jsonl" })
    assert_people({ "1 {a@x}" }, "{a@x}", { format = "csv" })
  end)

  it("reads objects, skips blank lines, and takes null for absent", function()
    assert_people({
      "1 A@x role=r send=false", "3 b@x role_name=n send=true", "4 c@x",
    }, '{"email":" A@x","role_id":"r","send_invitation":false}\n \r\n'
      .. '{"address":"B <b@x>","role_name":"n","send_invitation":true}\r\n'
      .. '{"email":"c@x","role_id":null,"send_invitation":null}')
  end)

  it("leaves an empty role to be refused", function()
    assert_people({ "1 a@x role=" }, '{"email":"a@x","role_id":""}')
  end)

  it("names all that is wrong with an object", function()
    assert_people({
      "1  role=r role_name=n email: must be a string, not number "
        .. "role_name: give only one of role_id and role_name",
    }, '{"email":1,"role_id":"r","role_name":"n"}')
  end)

  it("goes on after what is no object", function()
    local found = read('{"email":"a@x"}\n["a@x"]\n{"email":\n"x"\n{"email":"b@x"} 1\n'
      .. '{"email":"c@x"}')
    assert.equal("1 a@x", found[1])
    assert.equal("2  row: is not a JSON object", found[2])
    assert.truthy(found[3]:find("^3  row: is not JSON: "))
    assert.equal("4  row: is not a JSON object", found[4])
    assert.truthy(found[5]:find("^5  row: is not JSON: "))
    assert.equal("6 c@x", found[6])
  end)

  it("takes a line of a MiB, and no longer one #bulk", function()
    local start = '{"email":"'
    local long = start .. ("x"):rep(1048576 - #start - 2) .. '"}'
    for _, size in ipairs { 1000, 4 * #long } do
      local text, at = long .. "\n" .. long .. " \n{}\n" .. long .. " ", 1
      local next_person = people.open(function()
        at = at + size
        return at - size <= #text and text:sub(at - size, at - 1) or nil
      end)
      assert.equal(1048576 - #start - 2, #next_person().address)
      assert.equal("2  row: is longer than 1048576 bytes", described(next_person()))
      assert.equal("3 ", described(next_person()))
      assert.equal("4  row: is longer than 1048576 bytes", described(next_person()))
      assert.is_nil(next_person())
    end
  end)

  it("takes a failure to read for no end", function()
    local text = '{"email":"a@x"}\n{"email":"b@x"}'
    local next_person = people.open(function()
      local given = text
      text = nil
      return given, "Input/output error"
    end)
    assert.equal("1 a@x", described(next_person()))
    assert.equal("2  row: the input could not be read to its end: Input/output error",
      described(next_person()))
    assert.is_nil(next_person())
  end)
end)

describe("people.open, of anything", function()
  local PIECES = {
    "email", "role", "a@x", "b@x", "<", ">", ",", ",", ";", '"', "\n", "\n", "\r\n", " ", "\0",
    "\255", "\239\187\191", '{"email":"a"}', "{", "}", "null", "[", "yes",
  }

  local function lines_of_people(case)
    local chunks = property.chunks(case.text, property.random(case.seed))
    local lines, next_person, about = {}, people.open(chunks, { format = case.format })
    for person in next_person do
      assert(person.key == person.address:lower())
      lines[#lines + 1] = person.line
      local fault = person.faults and person.faults[1].message or ""
      if fault:find("nothing after it was read", 1, true) then
        assert(not next_person())
        return lines, about.format, true
      end
    end
    return lines, about.format, false
  end

  -- What the rows are is for the specs of their readers to say: none may be lost from there on.
  local function lines_of_rows(case, form)
    local lines = {}
    if form == "csv" then
      local chunks = property.chunks(case.text, property.random(case.seed))
      for line, fields in csv.reader(chunks, { mailboxes = true }) do
        if not fields or table.concat(fields):find("[^ \t\r\n]") then
          lines[#lines + 1] = line
        end
      end
    else
      local line = 0
      for text in (case.text:gsub("^\239\187\191", "") .. "\n"):gmatch("([^\n]*)\n") do
        line = line + 1
        lines[#lines + 1] = text:find("[^ \t\r]") and line or nil
      end
    end
    return lines
  end

  it("raises nothing, and passes over no row #bulk", function()
    property.check {
      cases = 3000,
      make = function(random)
        local parts = {}
        for i = 1, random(0, 25) do
          parts[i] = PIECES[random(1, #PIECES)]
        end
        return {
          text = table.concat(parts),
          seed = random(1, 1000000),
          format = ({ "csv", "jsonl" })[random(1, 4)],
        }
      end,
      smaller = function(case)
        local out = {}
        for i = 1, #case.text do
          local text = case.text:sub(1, i - 1) .. case.text:sub(i + 1)
          out[i] = { text = text, seed = case.seed, format = case.format }
        end
        return out
      end,
      show = function(case)
        return ("%q as %s"):format(case.text, case.format or "anything")
      end,
      holds = function(case)
        local lines, form, stopped = lines_of_people(case)
        local expected = lines_of_rows(case, form)
        assert(form == (case.format or form))
        if stopped then
          expected = { expected[1] }
        elseif form == "csv" and #expected == #lines + 1 then
          table.remove(expected, 1) -- the header
        end
        assert.same(expected, lines)
      end,
    }
  end)
end)
