--- Where each driver of an event loop waits, where it refuses to, and what only one of them does.

local hosts = require "spec.support.hosts"

local aitronos = require "aitronos"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local PERSON = {
  organization_id = "org_xyz789", email = "newmember@example.com", role_id = "role_member",
}

describe("a driver of an event loop", function()
  local server = sandbox.each()
  local client

  before_each(function()
    server.reset()
    client = nil
  end)

  after_each(function()
    if client then
      client:close()
    end
  end)

  local function new_client(name)
    client = aitronos.new {
      api_key = "sandbox_unlimited",
      base_url = server.base_url,
      driver = require("aitronos.driver." .. name),
    }
    return client
  end

  for _, name in ipairs { "luv", "copas" } do
    it("refuses to wait outside of a coroutine: " .. name, function()
      if hosts.missing[name] then
        pending(hosts.missing[name])
        return
      end
      new_client(name)
      local invitation, err = client:try_invite_user(PERSON)
      assert.is_nil(invitation)
      assert.equal("config", err.kind)
      assert.equal("CANNOT_WAIT", err.code)
      assert.equal("not_sent", err.outcome)
      assert.truthy(err.message:find(name, 1, true))
      assert.equal("{}", server.get("/_sandbox/requests"):match('"posts":({})'))
    end)

    it("lets a job be submitted outside of a coroutine: " .. name, function()
      if hosts.missing[name] then
        pending(hosts.missing[name])
        return
      end
      new_client(name)
      local job = client:submit(PERSON)
      while not job:done() do
        client:turn(1)
      end
      assert.truthy(job:result().invitation_id)
    end)
  end

  it("blocks outside of a controller, where nothing else could go on: cqueues", function()
    new_client "cqueues"
    assert.truthy(client:invite_user(PERSON).invitation_id)
  end)

  it("serves one client in two controllers: cqueues", function()
    new_client "cqueues"
    local outer, inner = hosts.cqueues(), hosts.cqueues()
    local done = {}
    outer.spawn(function()
      inner.spawn(function() done[1] = client:try_invite_user(PERSON) end)
      inner.run()
    end)
    outer.spawn(function()
      done[2] = client:try_invite_user {
        organization_id = "org_xyz789", email = "other@example.com", role_id = "role_member",
      }
    end)
    outer.run()
    outer.close()
    inner.close()
    assert.truthy(done[1])
    assert.truthy(done[2])
  end)

  it("leaves what a caller raises to the loop: luv", function()
    new_client "luv"
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    shell.write_file(path, [[
      local client = require("aitronos").new { driver = require "aitronos.driver.luv" }
      coroutine.wrap(function()
        client:invite_user {
          organization_id = "org_xyz789", email = "member@example.com", role_id = "role_member",
        }
      end)()
      require("luv").run()
      print("the loop went on")
    ]])
    local command = ("env FREDDY_API_KEY=sandbox_owner AITRONOS_BASE_URL=%s %s %s 2>&1")
      :format(server.base_url, os.getenv("LUA_COMMAND") or "lua5.4", path)
    local text = shell.output_of(command)
    assert.truthy(text:find("conflict: .* %(ALREADY_MEMBER,.*stack traceback"), text)
    assert.is_nil(text:find("went on", 1, true), text)
  end)
end)
