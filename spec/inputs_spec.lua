--- Where people come from: each source is read twice.

local inputs = require "aitronos.cli.inputs"
local shell = require "spec.support.shell"

local function lines_of(input)
  local lines = {}
  for one in input:people() do
    lines[#lines + 1] = one.line .. " " .. one.address
  end
  return table.concat(lines, ", ")
end

describe("inputs", function()
  local path

  before_each(function() path = os.tmpname() end)
  after_each(function() os.execute("rm -rf " .. path) end)

  it("are read as often as wanted, from the beginning", function()
    shell.write_file(path, "email,team\na@x.com,1\nb@x.com,2\n")
    local input = assert(inputs.open { file = path, addresses = {} })
    assert.same({}, input:ignored())
    for _ = 1, 2 do
      assert.equal("2 a@x.com, 3 b@x.com", lines_of(input))
    end
    assert.same({ "team" }, input:ignored())
    assert.equal(path, input.name)
  end)

  it("are taken for what they are said to be", function()
    shell.write_file(path, "a@x.com\n")
    local input = assert(inputs.open { file = path, format = "jsonl", addresses = {} })
    assert.truthy(input:people()().faults)
  end)

  it("may be arguments", function()
    local input = assert(inputs.open { addresses = { "a@x.com", "Bea <b@x.com>" } })
    assert.equal("1 a@x.com, 2 b@x.com", lines_of(input))
    assert.equal("1 a@x.com, 2 b@x.com", lines_of(input))
  end)

  it("that are not there, or can't be read, are refused", function()
    local input, message = inputs.open { file = path .. "/none", addresses = {} }
    assert.is_nil(input)
    assert.truthy(message:find("cannot open " .. path .. "/none", 1, true), message)
    os.remove(path)
    shell.run("mkdir " .. path)
    input, message = inputs.open { file = path, addresses = {} }
    assert.is_nil(input)
    assert.equal("cannot read " .. path .. ": Is a directory", message)
  end)

  it("may come in once only, and are read twice", function()
    os.remove(path)
    shell.run("mkfifo " .. path)
    local writer = io.popen("printf 'a@x.com\\nb@x.com\\n' >" .. path)
    local input = assert(inputs.open { file = path, addresses = {} })
    writer:close()
    assert.equal("1 a@x.com, 2 b@x.com", lines_of(input))
    assert.equal("1 a@x.com, 2 b@x.com", lines_of(input))
  end)

  it("may change meanwhile: what was checked is what counts", function()
    shell.write_file(path, "a@x.com\n")
    local input = assert(inputs.open { file = path, addresses = {} })
    assert.equal("1 a@x.com", lines_of(input))
    shell.write_file(path, "b@x.com\nc@x.com\n")
    assert.equal("1 a@x.com", lines_of(input))
  end)
end)
