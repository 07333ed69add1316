--- fd(), timeout() and turn(): what any event loop needs. The loop here is LuaSocket's select.

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local usage = require "spec.support.usage"

-- A wait that never ends must not take the suite with it.
local LIMIT_SECONDS = 60

local function person(number)
  return {
    organization_id = "org_xyz789",
    email = ("person%d@example.com"):format(number or 1),
    role_id = api.ROLE,
  }
end

local function readable(fd, seconds)
  local descriptor = { getfd = function() return fd end }
  return socket.select({ descriptor }, nil, seconds or 0)[1] ~= nil
end

local function raised(f, ...)
  local fine, err = pcall(f, ...)
  assert.is_false(fine)
  assert.is_true(aitronos.is_error(err), tostring(err))
  return err
end

describe("a client in a loop", function()
  local server, client

  local function serve(answer, options)
    server = Server.new(function(connection)
      while connection:read_request() do
        answer(connection)
      end
    end)
    local given = { api_key = "ak_test", base_url = server:url() }
    for key, value in pairs(options or {}) do
      given[key] = value
    end
    client = aitronos.new(given)
  end

  local function create(connection)
    connection:write(api.CREATED)
  end

  -- Lets the server alone have turns.
  local function until_true(is_done)
    server:run({}, is_done)
  end

  -- Until a turn has nothing more to do.
  local function quiet(fd)
    until_true(function()
      client:turn()
      return not readable(fd)
    end)
  end

  after_each(function()
    client:close()
    server:close()
  end)

  it("has one descriptor for its life", function()
    serve(create)
    local fd = client:fd()
    assert.equal(0, fd % 1)
    assert.equal(fd, client:fd())
    client:submit(person())
    client:turn()
    assert.equal(fd, client:fd())
  end)

  it("is readable after submit, when an answer has come, and once more when a job has ended",
    function()
      serve(create)
      local fd = client:fd()
      quiet(fd)
      local job = client:submit(person())
      assert.is_true(readable(fd))
      assert.equal(0, client:turn())
      assert.is_false(readable(fd))
      until_true(function() return readable(fd) end)
      assert.is_false(job:done())
      assert.equal(1, client:turn())
      assert.is_true(job:done())
      assert.is_true(readable(fd))
      assert.equal(0, client:turn())
      assert.is_false(readable(fd))
      assert.equal(1, server:count("POST"))
    end)

  it("is readable where it was submitted to before it was asked for", function()
    serve(create)
    client:submit(person())
    assert.is_true(readable(client:fd()))
  end)

  it("takes over what is under way", function()
    local held = true
    serve(function(connection)
      connection:wait_until(function() return not held end)
      create(connection)
    end)
    local jobs = { client:submit(person(1)), client:submit(person(2)) }
    server:run({ client }, function() return server:count("POST") == 2 end)
    local fd = client:fd()
    quiet(fd)
    held = false
    until_true(function()
      if readable(fd) then
        client:turn()
      end
      return jobs[1]:done() and jobs[2]:done()
    end)
    assert.equal(201, select(2, jobs[1]:result()).status)
    assert.equal(201, select(2, jobs[2]:result()).status)
    assert.equal(2, server:count("POST"))
  end)

  it("counts each job once, whichever turn it ends in", function()
    serve(create)
    local fd = client:fd()
    local jobs, ended = {}, 0
    for number = 1, 40 do
      jobs[number] = client:submit(person(number))
    end
    until_true(function()
      if readable(fd) then
        ended = ended + client:turn()
      end
      return ended >= 40 and not readable(fd)
    end)
    for _, job in ipairs(jobs) do
      assert.equal(201, select(2, job:result()).status)
    end
    assert.equal(40, ended)
    assert.equal(40, server:count("POST"))
  end)

  it("is readable when a job was cancelled", function()
    serve(function(connection) connection:hang() end)
    local fd = client:fd()
    local job = client:submit(person())
    client:turn()
    until_true(function() return server:count("POST") == 1 end)
    quiet(fd)
    job:cancel()
    assert.is_true(readable(fd))
  end)

  it("becomes readable by itself when a wait is over", function()
    local answers = {
      api.response(429, api.problem("RATE_LIMIT_EXCEEDED"), { "Retry-After: 1" }), api.CREATED,
    }
    serve(function(connection)
      connection:write(answers[server:count("POST")])
    end)
    local fd = client:fd()
    local job = client:submit(person())
    client:turn()
    until_true(function() return readable(fd) end)
    client:turn()
    quiet(fd)
    local timeout = client:timeout()
    assert.is_true(timeout > 0 and timeout < 10, tostring(timeout))
    assert.is_true(readable(fd, LIMIT_SECONDS))
    client:turn()
    until_true(function() return readable(fd) end)
    client:turn()
    assert.equal(2, select(2, job:result()).attempts)
  end)

  it("says how long a turn can be put off", function()
    serve(function(connection) connection:hang() end, { concurrency = 1, deadline = 100 })
    assert.is_nil(client:timeout())
    client:submit(person(1))
    assert.equal(0, client:timeout())
    client:turn()
    assert.equal(0, client:timeout()) -- nobody but the turn moves it
    client:fd()
    client:turn()
    assert.is_nil(client:timeout()) -- what is under way comes by the descriptor
    client:submit(person(2))
    client:turn()
    local timeout = client:timeout() -- in line: until its deadline
    assert.is_true(timeout > 0 and timeout <= 100, tostring(timeout))
  end)

  it("refuses all three once it is closed, and is readable for good", function()
    serve(create)
    local fd = client:fd()
    client:close()
    for _, name in ipairs { "fd", "timeout", "turn" } do
      local err = raised(client[name], client)
      assert.equal("config", err.kind)
      assert.equal("CLIENT_CLOSED", err.code)
    end
    assert.is_true(readable(fd))
    client:close()
    assert.is_true(readable(fd))
  end)

  it("refuses another self", function()
    serve(create)
    for _, name in ipairs { "fd", "timeout" } do
      for _, other in ipairs { "client", 1, {}, io.stdout } do
        local err = raised(client[name], other)
        assert.equal("argument", err.kind)
        assert.equal("self", err.details[1].field)
      end
    end
  end)

  it("keeps its descriptors from the programs that are started", function()
    serve(create)
    client:fd()
    client:submit(person())
    client:turn()
    until_true(function() return server:count("POST") == 1 end)
    local text = shell.output_of "ls -l /proc/self/fd"
    assert.truthy(text:find("pipe:", 1, true), text) -- its output
    assert.is_nil(text:find("anon_inode", 1, true), text)
  end)

  it("leaves no descriptor and no thread behind", function()
    serve(create)
    usage.assert_steady(function()
      local other = aitronos.new { api_key = "ak_test", base_url = server:url() }
      local job = other:submit(person())
      other:fd()
      server:run({ other }, function() return job:done() end)
      other:close()
    end)
  end)
end)

describe("a client beside a sandbox", function()
  local server = sandbox.each()
  local client, jobs

  before_each(function()
    server.reset()
    client = aitronos.new { api_key = "sandbox_unlimited", base_url = server.base_url }
    jobs = {}
    for number = 1, 50 do
      jobs[number] = client:submit(person(number))
    end
  end)

  after_each(function() client:close() end)

  -- wait() returns how many jobs ended in it.
  local function move(wait)
    local ended = 0
    while ended < #jobs do
      ended = ended + wait() + client:turn()
    end
    for _, job in ipairs(jobs) do
      assert.truthy(job:result().invitation_id)
    end
  end

  it("needs nothing but its descriptor", function()
    local fd = client:fd()
    move(function()
      assert.is_true(readable(fd, LIMIT_SECONDS))
      return 0
    end)
  end)

  it("wakes a turn that waits", function()
    client:fd()
    move(function()
      local began = socket.gettime()
      local ended = client:turn(LIMIT_SECONDS)
      assert.is_true(socket.gettime() - began < LIMIT_SECONDS)
      return ended
    end)
  end)
end)
