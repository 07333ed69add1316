local cjson = require "cjson"
local quote = require("spec.support.shell").quote
local report = require "aitronos.cli.report"

local folder

local function read(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function shell(command)
  local pipe = assert(io.popen("cd " .. folder .. " && { " .. command .. " ; } 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

-- What a report of these records holds.
local function written(open, name, ...)
  local file = assert(open(folder .. "/" .. name))
  for _, record in ipairs { ... } do
    assert(file:add(record))
  end
  assert(file:close())
  return read(name)
end

local RECORD = {
  line = 2,
  address = "ann@example.com",
  role = "role_member",
  outcome = "invited",
  invitation_id = "inv_1",
  expires_at = "2026-12-01T00:00:00Z",
  status = 201,
  attempts = 1,
  reconciled = false,
  invitation_key = "secret",
  invitation_link = "secret",
}

local HEADER = "line,address,role,outcome,invitation_id,expires_at,status,code,message,trace_id,"
  .. "attempts,reconciled\n"

before_each(function()
  local pipe = assert(io.popen("mktemp -d"))
  folder = pipe:read("*l")
  pipe:close()
end)

after_each(function()
  os.execute("rm -rf " .. folder)
end)

describe("a report", function()
  it("as CSV has its columns and no others", function()
    assert.equal(HEADER .. "2,ann@example.com,role_member,invited,inv_1,2026-12-01T00:00:00Z,"
      .. "201,,,,1,false\n", written(report.open, "r.csv", RECORD))
  end)

  it("as JSON lines has them in the same order", function()
    local text = written(report.open, "r.JSONL", RECORD, { line = 3, address = "" })
    local first, second = text:match("^([^\n]+)\n([^\n]+)\n$")
    assert.equal('{"line":2,"address":"ann@example.com","role":"role_member","outcome":"invited",'
      .. '"invitation_id":"inv_1","expires_at":"2026-12-01T00:00:00Z","status":201,"code":null,'
      .. '"message":null,"trace_id":null,"attempts":1,"reconciled":false}', first)
    assert.equal(3, cjson.decode(second).line)
    assert.equal(cjson.null, cjson.decode(second).outcome)
  end)

  it("of nobody is its header", function()
    assert.equal(HEADER, written(report.open, "r.csv"))
    assert.equal("", written(report.open, "r.ndjson"))
  end)

  it("quotes what CSV would take apart", function()
    local record = { message = 'say "a, b"', code = "x", role = "a;b" }
    local text = written(report.open, "r.csv", record)
    assert.equal(HEADER .. ',,"a;b",,,,,x,"say ""a, b""",,,\n', text)
  end)

  it("defuses formulas", function()
    for _, sign in ipairs { "=", "+", "-", "@" } do
      local text = written(report.open, "r.csv", { message = sign .. "cmd|' /C calc'!A0" })
      assert.equal(HEADER .. ",,,,,,,,'" .. sign .. "cmd|' /C calc'!A0,,,\n", text)
    end
  end)

  it("holds nothing that a terminal obeys, and well-formed text only", function()
    for _, name in ipairs { "r.csv", "r.jsonl" } do
      local text = written(report.open, name, { address = "\27[2J\r\n\255@b\226\128\174" })
      text = text:gsub("^line[^\n]*\n", ""):gsub("\\\\", "\\")
      assert.truthy(text:find("\\x1B[2J\\x0D\\n\\xFF@b\\xE2\\x80\\xAE", 1, true), text)
      assert.is_nil(text:find("[^\32-\126\n]"))
    end
  end)

  it("is its owner's alone, whatever was there before", function()
    shell "umask 000; echo old >r.csv; echo old >r.csv.part; chmod 666 r.csv*"
    local file = assert(report.open(folder .. "/r.csv"))
    assert.equal("600\n", shell "stat -c %a r.csv.part")
    assert(file:close())
    assert.equal("600\n", shell "stat -c %a r.csv")
    assert.equal(HEADER, read("r.csv"))
  end)

  it("does not follow a link that somebody put in its way", function()
    shell "echo precious >other; ln -s other r.csv.part"
    written(report.open, "r.csv", RECORD)
    assert.equal("precious\n", read("other"))
  end)

  it("stands under its name only when it is closed", function()
    shell "echo old >r.csv"
    local file = assert(report.open(folder .. "/r.csv"))
    assert(file:add(RECORD))
    assert.equal("old\n", read("r.csv"))
    assert(file:close())
    assert.equal("r.csv\n", shell "ls")
  end)

  it("that is abandoned leaves what was there, and takes no more", function()
    shell "echo old >r.csv"
    local file = assert(report.open(folder .. "/r.csv"))
    file:abandon()
    file:abandon()
    assert.equal("r.csv\n", shell "ls")
    assert.equal("old\n", read("r.csv"))
    local fine, message = file:add(RECORD)
    assert.is_nil(fine)
    assert.truthy(message:find("r.csv was given up", 1, true))
  end)

  it("that is closed takes no more, and stays when it is then abandoned", function()
    local file = assert(report.open(folder .. "/r.csv"))
    assert(file:close())
    assert.truthy(select(2, file:add(RECORD)):find("r.csv is closed", 1, true))
    assert.is_nil((file:close()))
    file:abandon()
    assert.equal(HEADER, read("r.csv"))
  end)

  it("takes a name with anything in it", function()
    local name = "it's $(touch x) \"a\" `b`.csv"
    assert.equal(HEADER, written(report.open, name))
    assert.equal(name .. "\n", shell "ls")
  end)
end)

describe("a report refuses", function()
  local function assert_fault(words, path, open_file)
    local file, message = report.open(path, open_file)
    assert.is_nil(file)
    assert.truthy(message:find(words, 1, true), message)
    return message
  end

  it("names of another kind", function()
    for _, name in ipairs { "report", "report.xls", "csv", "-", "csv.d/report" } do
      assert_fault("the name must end in .csv or .jsonl", name)
    end
  end)

  it("a place that is none", function()
    local path = folder .. "/none/r.csv"
    local message = assert_fault("cannot write " .. path .. ": ", path)
    assert.is_nil(message:find(".part", 1, true))
    shell "mkdir r.csv"
    assert_fault("it is a folder", folder .. "/r.csv")
    assert.equal("r.csv\n", shell "ls")
  end)

  it("to pass over what could not be opened", function()
    local message = assert_fault("cannot write r.csv: No such file", "r.csv", function()
      return io.open(folder .. "/none/x", "w")
    end)
    assert.equal(message, (message:gsub("\n", "")))
  end)
end)

describe("with a full disk", function()
  local function full()
    return report.open(folder .. "/r.csv", function()
      return io.open("/dev/full", "w")
    end)
  end

  local words = "r.csv: No space left on device"

  it("close tells, and what was there stays", function()
    shell "echo old >r.csv"
    local file = assert(full())
    assert(file:add(RECORD))
    local fine, message = file:close()
    assert.is_nil(fine)
    assert.truthy(message:find(words, 1, true), message)
    assert.equal("old\n", read("r.csv"))
    assert.is_nil((file:close()))
  end)

  it("add tells as soon as it is written, and again after that", function()
    local file = assert(full())
    local fine, message
    for _ = 1, 10000 do
      fine, message = file:add(RECORD)
      if not fine then
        break
      end
    end
    assert.is_nil(fine)
    assert.truthy(message:find(words, 1, true), message)
    assert.same({ nil, message }, { file:add(RECORD) })
    assert.same({ nil, message }, { file:close() })
  end)
end)

describe("those who failed", function()
  it("are an input again, as they were", function()
    assert.equal("email,role_id,role_name,send_invitation\n"
      .. "=a@b,role_1,,\n\"x y,z@b\",,Member,false\n",
      written(report.open_failed, "f.csv", { email = "=a@b", role_id = "role_1", line = 7 },
        { email = "x y,z@b", role_name = "Member", send_invitation = false }))
  end)

  it("as JSON lines have no more than they had", function()
    assert.equal('{"email":"a@b","role_id":"role_1"}\n{"email":"\27@b","send_invitation":true}\n',
      (written(report.open_failed, "f.jsonl", { email = "a@b", role_id = "role_1", line = 7 },
        { email = "\27@b", send_invitation = true }):gsub("\\u001b", "\27")))
  end)
end)

describe("links", function()
  local link = "https://example.com/register?invite=abc"
  local record = { line = 2, address = "a@b", invitation_id = "inv_1", invitation_link = link,
    invitation_key = "uuid-1", status = 201 }
  local LINKS = "line,address,invitation_id,invitation_link,invitation_key\n"
  local IN_CSV = "2,a@b,inv_1," .. link .. ",uuid-1\n"
  local IN_JSON = '{"line":2,"address":"a@b","invitation_id":"inv_1","invitation_link":"' .. link
    .. '","invitation_key":"uuid-1"}\n'

  it("have what lets people join", function()
    assert.equal(LINKS .. IN_CSV, written(report.open_links, "l.csv", record))
    assert.equal(IN_JSON, written(report.open_links, "l.jsonl", record))
    assert.equal("600\n", shell "stat -c %a l.csv")
  end)

  it("of earlier runs stay, and nobody else may read them any longer", function()
    written(report.open_links, "l.csv", record)
    shell "chmod 644 l.csv; printf 3,torn >>l.csv"
    assert.equal(LINKS .. IN_CSV .. "3,torn\n" .. IN_CSV,
      written(report.open_links, "l.csv", record))
    assert.equal("600\n", shell "stat -c %a l.csv")
    written(report.open_links, "l.jsonl", record)
    assert.equal(IN_JSON .. IN_JSON, written(report.open_links, "l.jsonl", record))
  end)

  it("are there at once, and stay when it is abandoned", function()
    local file = assert(report.open_links(folder .. "/l.csv"))
    assert(file:add(record))
    assert.equal(LINKS .. IN_CSV, read "l.csv")
    file:abandon()
    assert.equal(LINKS .. IN_CSV, read "l.csv")
    assert.equal("l.csv\n", shell "ls")
  end)

  it("are not added to another file, nor through a link", function()
    shell "echo email,role >l.csv; echo email,role >l.jsonl; ln -s other.csv s.csv"
    for name, words in pairs { ["l.csv"] = "something else", ["l.jsonl"] = "something else",
      ["s.csv"] = "it is a symbolic link" } do
      local file, message = report.open_links(folder .. "/" .. name)
      assert.is_nil(file)
      assert.truthy(message:find(words, 1, true), message)
    end
    assert.equal("email,role\n", read "l.csv")
    assert.equal("l.csv\nl.jsonl\ns.csv\n", shell "ls")
  end)
end)

it("a name that begins with a dash is a file", function()
  local script = ('local report = require "aitronos.cli.report"\n'
    .. 'local file = assert(report.open("-r.csv"))\nassert(file:close())\n')
  local path = folder .. "/script.lua"
  local file = assert(io.open(path, "w"))
  file:write(script)
  file:close()
  local here = quote(os.getenv("PWD"))
  local command = "export LUA_PATH=" .. here .. "'/lua/?.lua;;'; "
    .. (os.getenv("LUA_COMMAND") or "lua5.4") .. " script.lua"
  assert.equal("", shell(command))
  assert.equal("-r.csv\nscript.lua\n", shell "LC_ALL=C ls")
end)
