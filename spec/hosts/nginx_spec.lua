--- In a real nginx with one worker: calls wait, whatever their server does, and the worker goes on.
---
--- That it does is shown by order: the server answers an invitation only once nginx has answered
--- other requests. No time is compared.

local Nginx = require "spec.support.nginx"
local Server = require "spec.support.server"
local Stage = require "spec.support.stage"
local api = require "spec.support.api"
local shell = require "spec.support.shell"
local tls = require "spec.support.tls"

if Nginx.unfit() then
  pending(Nginx.unfit())
  return
end

local PINGS = 20

describe("in nginx, an invitation", function()
  local stage, certificates, names, folder

  setup(function()
    certificates = tls.make()
    folder = os.tmpname()
    os.remove(folder)
    shell.run("mkdir " .. folder)
    shell.run(("%s -std=c11 -D_GNU_SOURCE -shared -fPIC -o %s/names.so"
      .. " spec/support/hanging_names.c"):format(os.getenv("CC") or "cc", folder))
    names = Server.new(function(connection)
      connection:hang()
    end)
    stage = Stage.start {
      environment = { LD_PRELOAD = folder .. "/names.so", HANGING_NAMES_PORT = names.port },
    }
    table.insert(stage.servers, names)
  end)

  teardown(function()
    stage:stop()
    certificates.remove()
    shell.run("rm -rf " .. folder)
  end)

  before_each(function()
    stage:reset()
  end)

  it("that is answered at once", function()
    local name = stage:client {}
    for i = 1, 50 do
      local email = ("person%d@example.com"):format(i)
      assert.equal("inv_person" .. i, stage:finish(stage:invite(name, email)).id)
      stage:ping(1)
    end
    assert.equal(50, stage:posts())
  end)

  it("lets the worker serve others until it is answered, 200 ms later", function()
    local name = stage:client {}
    local pinged, late, answer = false, false, false
    stage.serve = function(connection, request)
      connection:wait_until(function() return pinged end)
      connection:sleep(0.2)
      late = true
      connection:wait_until(function() return answer end)
      return Stage.serve(connection, request)
    end
    local call = stage:invite(name, "late@example.com")
    stage:wait_for_posts(1)
    stage:ping(PINGS)
    pinged = true
    stage:run(function()
      return late
    end)
    stage:ping(PINGS)
    assert.is_falsy(call.ended)
    answer = true
    assert.equal("inv_late", stage:finish(call).id)
    assert.equal(1, stage:posts())
  end)

  it("lets it while its server refuses connections, and between its retries", function()
    local server = stage:add_server(function(connection)
      connection:write(Stage.made(connection:read_request()))
    end)
    server:stop_listening()
    local name = stage:client { base_url = server:url(), max_retries = 100 }
    local call = stage:invite(name, "again@example.com")
    local refusals = 0
    while refusals == 0 do
      for _, event in ipairs(stage:page "/events") do
        refusals = refusals + (event.client == name and event.name == "retry" and 1 or 0)
      end
    end
    stage:ping(PINGS)
    assert.is_falsy(call.ended)
    server:start_listening()
    local made = stage:finish(call)
    assert.equal("inv_again", made.id)
    assert.equal(1, server:count "POST")
    server:close()
  end)

  it("that is refused for good ends with an Error", function()
    local server = stage:add_server(function() end)
    server:stop_listening()
    local name = stage:client { base_url = server:url(), max_retries = 0 }
    local err = stage:finish(stage:invite(name, "refused@example.com")).error
    assert.equal("connection", err.kind)
    assert.equal("CONNECTION_FAILED", err.code)
    assert.equal("not_sent", err.outcome)
    server:close()
  end)

  it("lets it while its server hangs, also in a look-up, and times out", function()
    local name = stage:client { timeout = 0.5, max_retries = 20 }
    local look_ups, pinged = 0, false
    stage.serve = function(connection, request)
      if request.method == "POST" then
        return connection:hang()
      end
      look_ups = look_ups + 1
      connection:wait_until(function()
        return pinged
      end)
      connection:write(api.response(200, api.found { email = "hang@example.com" }))
    end
    local call = stage:invite(name, "hang@example.com")
    stage:wait_for_posts(1)
    stage:ping(PINGS)
    stage:run(function()
      return look_ups > 0
    end)
    stage:ping(PINGS)
    pinged = true
    local made = stage:finish(call)
    assert.equal(api.FOUND, made.id)
    assert.is_true(made.reconciled)
    assert.equal(1, stage:posts())
  end)

  it("that times out without a look-up ends with an Error", function()
    local name = stage:client { timeout = 0.5, reconcile = false, max_retries = 20 }
    stage:hold()
    local call = stage:invite(name, "out@example.com")
    stage:wait_for_posts(1)
    local err = stage:finish(call).error
    assert.equal("timeout", err.kind)
    assert.equal("REQUEST_TIMEOUT", err.code)
    assert.equal("unknown", err.outcome)
    assert.equal(1, stage:posts())
  end)

  describe("whose server's name hangs in DNS", function()
    local URL = "https://hang.example"

    local function wait_for_look_up()
      local before = names.accepted
      stage:run(function()
        return names.accepted > before
      end)
    end

    local function let_go()
      for connection in pairs(names.connections) do
        connection:close()
      end
    end

    after_each(let_go)

    it("lets the worker serve others, and other clients invite", function()
      local name = stage:client { base_url = URL, max_retries = 0 }
      local other = stage:client {}
      local call = stage:invite(name, "nameless@example.com")
      wait_for_look_up()
      stage:ping(PINGS)
      assert.equal("inv_other", stage:finish(stage:invite(other, "other@example.com")).id)
      assert.is_falsy(call.ended)
      let_go()
      local err = stage:finish(call).error
      assert.equal("connection", err.kind)
      assert.equal("NAME_NOT_RESOLVED", err.code)
      assert.equal("not_sent", err.outcome)
    end)

    it("times out, and the next need not wait for the look-up that still hangs", function()
      local name = stage:client { base_url = URL, max_retries = 0, connect_timeout = 0.2 }
      for i = 1, 2 do
        local call = stage:invite(name, "nameless" .. i .. "@example.com")
        wait_for_look_up()
        local err = stage:finish(call).error
        assert.equal("timeout", err.kind)
        assert.equal("CONNECT_TIMEOUT", err.code)
        assert.equal("not_sent", err.outcome)
      end
      stage:ping(PINGS)
    end)

    it("times out in the old worker of a reload, which ends with the look-up hanging", function()
      local name = stage:client { base_url = URL, max_retries = 0, connect_timeout = 0.5 }
      local call = stage:invite(name, "nameless@example.com")
      wait_for_look_up()
      local old = stage.nginx:worker()
      stage.nginx:signal "HUP"
      assert.equal("CONNECT_TIMEOUT", stage:finish(call).error.code)
      stage.nginx.wait_until_gone(old)
      stage:ping(PINGS)
    end)
  end)

  describe("over HTTPS, with all the system's authorities and one more", function()
    local ca_file

    setup(function()
      ca_file = folder .. "/ca.pem"
      shell.run(("cat /etc/ssl/certs/ca-certificates.crt %s >%s")
        :format(certificates.ca_file, ca_file))
    end)

    it("lets the worker serve others in the middle of each handshake", function()
      local made, pinged = 0, false
      local server = stage:add_server(function(connection)
        connection:wait_for_bytes()
        connection:wait_until(function()
          return pinged
        end)
        if connection:start_tls(certificates.contexts.good) then
          connection:write(Stage.made(connection:read_request()))
          made = made + 1
        end
      end)
      local name = stage:client { base_url = server:secure_url(), ca_file = ca_file }
      for i = 1, 5 do
        pinged = false
        local calls = {}
        for j = 1, 4 do
          calls[j] = stage:invite(name, ("tls%d%d@example.com"):format(i, j))
        end
        stage:run(function()
          return server.accepted == made + 4
        end)
        stage:ping(PINGS)
        pinged = true
        for j, call in ipairs(calls) do
          assert.equal(("inv_tls%d%d"):format(i, j), stage:finish(call).id)
        end
      end
      assert.equal(20, server:count "POST")
      server:close()
    end)

    it("does not trust the one that is not among them", function()
      local server = stage:add_server(function(connection)
        connection:start_tls(certificates.contexts.unknown_ca)
      end)
      local name = stage:client { base_url = server:secure_url(), ca_file = ca_file }
      local err = stage:finish(stage:invite(name, "tls@example.com")).error
      assert.equal("CERTIFICATE_NOT_TRUSTED", err.code)
      assert.equal("not_sent", err.outcome)
      server:close()
    end)
  end)
end)
