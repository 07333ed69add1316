--- A server ends an idle TLS connection with a goodbye, as it should. libcurl took the goodbye for
--- a sign of life and sent on the dead connection, so that a call right after an idle spell cost
--- a look-up, `settle` seconds and a second sending.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local all_done = require "spec.support.all_done"
local api = require "spec.support.api"
local tls = require "spec.support.tls"

describe("a TLS connection that the server ended while it was idle", function()
  local certificates = tls.each()
  local server, client

  after_each(function()
    client:close()
    server:close()
  end)

  local function serve(requests_per_connection)
    server = Server.new(function(connection)
      if not connection:start_tls(certificates.contexts.good) then
        return
      end
      for _ = 1, requests_per_connection do
        if not connection:read_request() then
          return
        end
        connection:write(api.CREATED)
      end
    end)
    client = aitronos.new {
      api_key = "ak_test",
      base_url = server:secure_url(),
      ca_file = certificates.ca_file,
      proxy = "",
      driver = server:driver(),
      max_retries = 0,
    }
  end

  local function invite()
    local invitation, response = client:invite_user(api.PARAMS)
    assert.equal(api.INVITATION, invitation.invitation_id)
    assert.equal(1, response.attempts)
    assert.is_false(response.reconciled)
  end

  it("is not sent on: the call goes over a new one, as if nothing had been", function()
    serve(1)
    for _ = 1, 5 do
      invite()
    end
    assert.equal(5, server:count "POST")
    assert.equal(0, server:count "GET")
    assert.equal(5, server.accepted)
  end)

  it("is sent on while it stands", function()
    serve(5)
    for _ = 1, 5 do
      invite()
    end
    assert.equal(1, server.accepted)
  end)

  it("may be one of many", function()
    serve(1)
    for round = 1, 3 do
      local jobs = {}
      for i = 1, 8 do
        jobs[i] = client:submit(api.PARAMS)
      end
      server:run({ client }, all_done(jobs))
      for _, job in ipairs(jobs) do
        local _, response = job:result()
        assert.is_false(response.reconciled)
      end
      assert.equal(8 * round, server:count "POST")
    end
  end)
end)
