--- A client's life, and everything that can be wrong with how it is used: each time a clear Error
--- that names the field, and nothing sent.
local aitronos = require "aitronos"
local cjson = require "cjson"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local function person(changes)
  local params = {
    organization_id = "org_xyz789",
    email = "newmember@example.com",
    role_id = "role_member",
  }
  for key, value in pairs(changes or {}) do
    params[key] = value
  end
  return params
end

local function raised(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_true(aitronos.is_error(err), "not an Error: " .. tostring(err))
  return err
end

describe("a client", function()
  local server = sandbox.each()
  local client

  before_each(function()
    server.reset()
    client = aitronos.new { api_key = "sandbox_owner", base_url = server.base_url }
  end)

  after_each(function()
    client:close()
  end)

  local function sent()
    return #cjson.decode(server.get("/_sandbox/requests")).requests
  end

  describe("refuses", function()
    local function refuses(params, field, words)
      local err = raised(client.invite_user, client, params)
      assert.equal("argument", err.kind)
      assert.equal("INVALID_ARGUMENT", err.code)
      assert.equal("not_sent", err.outcome)
      assert.is_false(err.retryable)
      local named = false
      for _, fault in ipairs(err.details) do
        named = named or fault.field == field
      end
      assert.is_true(named, field .. " is not named: " .. tostring(err))
      if words then
        assert.truthy(err.message:find(words, 1, true), err.message)
      end

      local nothing, same = client:try_invite_user(params)
      assert.is_nil(nothing)
      assert.equal(tostring(err), tostring(same))
      assert.equal(tostring(err), tostring(raised(client.submit, client, params)))
      assert.equal(0, sent())
    end

    it("params that are no table", function()
      for _, params in ipairs { "org_xyz789", 7, true, print, io.stdout } do
        refuses(params, "params")
      end
      local err = raised(client.invite_user, client)
      assert.equal("params", err.details[1].field)
    end)

    it("params whose fields come from a metatable", function()
      local touched = false
      local trick = setmetatable({}, {
        __index = function(_, key)
          touched = true
          return person()[key]
        end,
        __pairs = function()
          touched = true
        end,
        __tostring = function()
          error("touched")
        end,
      })
      refuses(trick, "email", "required")
      assert.is_false(touched)
    end)

    it("ids that would leave their place in the path", function()
      for _, id in ipairs { "org_a/b", "org_..", "org_%2e", "../org_1", "org_1?x", "org_1#",
        "org_ 1", "org_1\r\nX-Evil: 1", "org_1\0", "org_", "", "ORG_1" } do
        refuses(person { organization_id = id }, "organization_id")
      end
    end)

    it("addresses with line breaks, NUL, or of a megabyte", function()
      for _, address in ipairs { "a@b.c\r\nBcc: d@e.f", "a@b.c\0", "a b@c.d", "a@b@c", "@b.c", "a@",
        ("a"):rep(2 ^ 20) .. "@b.c", "a@" .. ("b"):rep(2 ^ 20), "a@\255.c", "" } do
        refuses(person { email = address }, "email")
      end
    end)

    it("both spellings of one thing, and keys it does not know", function()
      refuses(person { role_name = "Member" }, "role_name", "only one of")
      refuses(person { send_invitation = true, send_email = true }, "send_email", "only one of")
      refuses(person { message = "hello" }, "message")
      refuses(person { [1] = "x" }, "[1]")
    end)

    it("values of the wrong type", function()
      refuses(person { organization_id = 1 }, "organization_id", "string")
      refuses(person { email = true }, "email", "string")
      refuses(person { role_id = {} }, "role_id", "string")
      refuses(person { send_invitation = "yes" }, "send_invitation", "boolean")
    end)

    it("all that is wrong at once", function()
      local err = raised(client.invite_user, client, { email = 1, extra = 2 })
      local fields = {}
      for i, fault in ipairs(err.details) do
        fields[i] = fault.field
      end
      assert.same({ "organization_id", "email", "role_id", "extra" }, fields)
    end)
  end)

  it("is asked for with a colon", function()
    for _, name in ipairs { "invite_user", "try_invite_user", "submit", "turn", "close" } do
      for _, other in ipairs { io.stdout, "client", {}, 1 } do
        local err = raised(client[name], other, person())
        assert.equal("argument", err.kind)
        assert.equal("self", err.details[1].field)
        assert.truthy(err.message:find("client:" .. name, 1, true))
      end
    end
    local job = client:submit(person())
    for _, name in ipairs { "done", "result", "try_result", "cancel" } do
      for _, other in ipairs { io.stdout, "job", {} } do
        assert.equal("self", raised(job[name], other).details[1].field)
      end
    end
  end)

  it("takes a number of seconds to turn", function()
    for _, timeout in ipairs { -1, 0 / 0, "soon", {} } do
      local err = raised(client.turn, client, timeout)
      assert.equal("timeout", err.details[1].field)
    end
    assert.equal(0, client:turn())
    assert.equal(0, client:turn(0))
  end)

  it("is used no more after close, which may come twice", function()
    client:close()
    client:close()
    for _, name in ipairs { "invite_user", "submit", "turn" } do
      local err = raised(client[name], client, name ~= "turn" and person() or nil)
      assert.equal("config", err.kind)
      assert.truthy(err.message:find("closed", 1, true))
    end
    local nothing, err = client:try_invite_user(person())
    assert.is_nil(nothing)
    assert.equal("config", err.kind)
    assert.equal(0, sent())
  end)

  -- Only Lua 5.4 has such variables, and only it can read the text.
  if _VERSION == "Lua 5.4" then
    it("is closed by a to-be-closed variable", function()
      local closed = load("local client <close> = ...; return client")(client)
      assert.equal("config", raised(closed.turn, closed).kind)
    end)
  end

  it("shows no credential, however it is looked at", function()
    local function search(value, seen)
      if type(value) == "string" then
        assert.is_nil(value:find("canary", 1, true))
      elseif type(value) == "table" and not seen[value] then
        seen[value] = true
        for k, v in pairs(value) do
          search(k, seen)
          search(v, seen)
        end
        search(getmetatable(value), seen)
      end
    end
    local secret = aitronos.new { api_key = "canary_1234567890", base_url = server.base_url }
    search(secret, {})
    search(tostring(secret), {})
    local _, err = secret:try_invite_user(person())
    assert.equal("authentication", err.kind)
    search(err, {})
    search(tostring(err), {})
    secret:close()
  end)

  it("gives the result of a job once it is done, and not before", function()
    local job = client:submit(person())
    assert.is_false(job:done())
    for _, name in ipairs { "result", "try_result" } do
      local err = raised(job[name], job)
      assert.equal("argument", err.kind)
      assert.equal("job", err.details[1].field)
    end
    local finished = 0
    while not job:done() do
      finished = finished + client:turn(1)
    end
    assert.equal(1, finished)
    local invitation, response = job:result()
    assert.equal("newmember@example.com", invitation.email)
    assert.equal(201, response.status)
    assert.equal(invitation, (job:result()))
    job:cancel()
    assert.equal(invitation, (job:result()))
  end)

  it("raises the Error of a job that failed", function()
    local job = client:submit(person { email = "member@example.com" })
    while not job:done() do
      client:turn(1)
    end
    local err = raised(job.result, job)
    assert.equal("conflict", err.kind)
    local nothing, same = job:try_result()
    assert.is_nil(nothing)
    assert.equal(err, same)
  end)

  it("forgets what was cancelled before it left", function()
    local job = client:submit(person())
    job:cancel()
    job:cancel()
    assert.is_true(job:done())
    local err = raised(job.result, job)
    assert.equal("cancelled", err.kind)
    assert.equal("not_sent", err.outcome)
    assert.equal(0, client:turn(0))
    assert.equal(0, sent())
  end)

  it("goes on with jobs that nobody holds", function()
    client:submit(person())
    collectgarbage()
    collectgarbage()
    while client:turn(1) == 0 do
      collectgarbage()
    end
    assert.equal(1, sent())
  end)

  it("lives as long as its jobs", function()
    local job = aitronos.new { api_key = "sandbox_owner", base_url = server.base_url }
      :submit(person())
    collectgarbage()
    collectgarbage()
    job:cancel()
    assert.equal("cancelled", raised(job.result, job).kind)
  end)

  it("waits by the driver it is given", function()
    local turns = 0
    local patient = aitronos.new {
      api_key = "sandbox_owner",
      base_url = server.base_url,
      driver = {
        wait = function(asking, job)
          while not job:done() do
            turns = turns + 1
            asking:turn(1)
          end
        end,
      },
    }
    patient:invite_user(person())
    patient:close()
    assert.truthy(turns > 0)
  end)
end)

describe("the module", function()
  it("refuses options and says which", function()
    local err = raised(aitronos.new, {
      api_key = "secret\r\nX-Evil: 1",
      timeout = -1,
      nonsense = 1,
    })
    assert.equal("config", err.kind)
    assert.truthy(err.message:find("api_key", 1, true))
    assert.truthy(err.message:find("timeout", 1, true))
    assert.truthy(err.message:find("nonsense", 1, true))
    assert.is_nil(tostring(err):find("secret", 1, true))
  end)

  it("knows its own Errors", function()
    assert.is_true(aitronos.is_error(raised(aitronos.new, 7)))
    for _, other in ipairs { {}, "error", 1, print } do
      assert.is_false(aitronos.is_error(other))
    end
    assert.is_false(aitronos.is_error(nil))
  end)

  it("has a default client, made from the environment at first use", function()
    local server = sandbox.start()
    local _, printed = process.start_script([[
      local aitronos = require "aitronos"
      local invitation = aitronos.invite_user {
        organization_id = "org_xyz789", email = "default@example.com", role_id = "role_member",
      }
      print(invitation.email)
    ]], "FREDDY_API_KEY=sandbox_owner AITRONOS_BASE_URL=" .. server.base_url):finish()
    server.stop()
    assert.equal("default@example.com\n", printed)
  end)

  it("says how to get a key where there is none", function()
    local _, printed = process.start_script(
      [[print(select(2, pcall(require("aitronos").invite_user, {})))]],
      "-u FREDDY_API_KEY"):finish()
    assert.truthy(printed:find("^config: "))
    assert.truthy(printed:find("FREDDY_API_KEY", 1, true))
  end)
end)
