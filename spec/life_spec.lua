--- The life of an invitation, with a fault in each of its steps, at a sandbox.
local aitronos = require "aitronos"
local cjson = require "cjson"
local life = require "spec.support.life"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

describe("the life of an invitation where", function()
  local server = sandbox.each()
  local client

  setup(function()
    local options = { base_url = server.base_url }
    for name, value in pairs(life.OPTIONS) do
      options[name] = value
    end
    client = aitronos.new(options)
  end)

  teardown(function()
    client:close()
  end)

  before_each(function() server.reset() end)

  for name, case in pairs(life.all) do
    it(name, function()
      assert.same(case.lines, life.live(client, case.faults))
      assert.equal(case.mails, #cjson.decode(server.get("/_sandbox/outbox")))
    end)
  end

  it("is told by its example", function()
    local lua = os.getenv("LUA_COMMAND") or "lua5.4"
    local output = shell.output_of(("env FREDDY_API_KEY=sandbox_owner AITRONOS_BASE_URL=%s %s %s")
      :format(server.base_url, lua, "examples/lifecycle.lua 2>&1; echo exit $?"))
    for _, line in ipairs {
      "may be given .* Member", "invited", "pending", "sent again", "as Member", "is a member",
      "no pending invitation", "Already member", "exit 0",
    } do
      assert.truthy(output:find(line), line .. " is not in\n" .. output)
    end
  end)
end)
