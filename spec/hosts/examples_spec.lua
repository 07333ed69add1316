--- Each example beside a sandbox, run as its first lines say.

local hosts = require "spec.support.hosts"

local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local ADDRESSES = { "one@example.com", "two@example.com", "three@example.com" }
local MEMBER = "member@example.com"

-- What Neovim gives a script, on a loop of luv's.
local NEOVIM = [[
local uv = require "luv"
rawset(_G, "vim", {
  uv = uv,
  wait = function(_, is_done)
    while not is_done() do
      uv.run("once")
    end
  end,
})
dofile "examples/luv.lua"
]]

describe("the example", function()
  local server = sandbox.each()

  before_each(function() server.reset() end)

  local function output_of(script)
    local lua = os.getenv("LUA_COMMAND") or "lua5.4"
    local command = ("env FREDDY_API_KEY=sandbox_owner AITRONOS_BASE_URL=%s %s %s %s %s 2>&1")
      :format(server.base_url, lua, script, table.concat(ADDRESSES, " "), MEMBER)
    return shell.output_of(command .. "; echo exit $?")
  end

  -- One line for each address, in whatever order.
  local function assert_invites(script)
    local text = output_of(script)
    local answers = {}
    for address, answer in text:gmatch("(%S+@%S+)\t([^\n]*)\n") do
      answers[address] = answer
    end
    for _, address in ipairs(ADDRESSES) do
      assert.truthy((answers[address] or ""):find("^inv_%x+$"), text)
    end
    assert.truthy((answers[MEMBER] or ""):find("^conflict: "), text)
    assert.truthy(text:find("exit 0\n$"), text)
    return text
  end

  it("game_loop.lua draws frames meanwhile", function()
    local text = assert_invites("examples/game_loop.lua")
    assert.truthy(text:find("\nframes\t[1-9]"), text)
  end)

  it("cqueues.lua invites them all", function()
    assert_invites("examples/cqueues.lua")
  end)

  it("luv.lua invites them all", function()
    assert_invites("examples/luv.lua")
  end)

  it("luv.lua does so in Neovim, too", function()
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    shell.write_file(path, NEOVIM)
    assert_invites(path)
  end)

  it("copas.lua invites them all", function()
    if hosts.missing.copas then
      pending(hosts.missing.copas)
      return
    end
    assert_invites("examples/copas.lua")
  end)
end)
