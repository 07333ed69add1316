--- Calls through a proxy, and the environment's word on it.
local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local process = require "spec.support.process"
local tls = require "spec.support.tls"

describe("a proxy", function()
  local certificates = tls.each()
  local proxy, client

  local function start(handler, options)
    proxy = Server.new(handler)
    local given = {
      api_key = "canary_1234567890",
      proxy = "http://user:canary_word@127.0.0.1:" .. proxy.port,
      ca_file = certificates.ca_file,
      driver = proxy:driver(),
      max_retries = 0,
    }
    for name, value in pairs(options) do
      given[name] = value
    end
    client = aitronos.new(given)
  end

  after_each(function()
    client:close()
    proxy:close()
  end)

  it("gets the whole URL where the call is plain HTTP", function()
    start(function(connection)
      connection:read_request()
      connection:write(api.CREATED)
    end, { base_url = "http://127.0.0.1:9" })
    client:invite_user(api.PARAMS)
    local request = proxy.requests[1]
    assert.equal("http://127.0.0.1:9/v1/organizations/org_xyz789/invite-user", request.path)
    assert.truthy(request.headers["proxy-authorization"])
  end)

  it("is asked for a tunnel where the call is HTTPS, and sees none of it", function()
    local asked, tunnelled
    start(function(connection)
      asked = connection:read_request()
      assert(asked.method == "CONNECT" and not asked.headers["x-api-key"])
      connection:write("HTTP/1.1 200 Connection established\r\nX-Request-Id: req_proxy\r\n\r\n")
      if connection:start_tls(certificates.contexts.good) then
        tunnelled = connection:read_request()
        connection:write(api.CREATED)
      end
    end, { base_url = "https://127.0.0.1:9" })
    local invitation, response = client:invite_user(api.PARAMS)
    assert.equal(api.INVITATION, invitation.invitation_id)
    assert.equal("canary_1234567890", tunnelled.headers["x-api-key"])
    assert.truthy(asked.headers["user-agent"]:find("^aitronos%-lua/"))
    assert.equal(asked.headers["user-agent"], tunnelled.headers["user-agent"])
    assert.is_nil(tunnelled.headers["proxy-authorization"])
    assert.is_nil(response.request_id)
  end)

  it("that refuses is told as such, and nothing was sent", function()
    start(function(connection)
      connection:read_request()
      connection:write("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    end, { base_url = "https://127.0.0.1:9" })
    local nothing, err = client:try_invite_user(api.PARAMS)
    assert.is_nil(nothing)
    assert.equal("connection", err.kind)
    assert.equal("PROXY_FAILED", err.code)
    assert.equal("not_sent", err.outcome)
    assert.is_nil(err.status)
    assert.is_nil(tostring(err):find("canary", 1, true))
  end)

  it("that is a redirect in disguise does not get the key elsewhere", function()
    start(function(connection)
      connection:read_request()
      connection:write("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\n"
        .. "Content-Length: 0\r\n\r\n")
    end, { base_url = "http://127.0.0.1:9" })
    local _, err = client:try_invite_user(api.PARAMS)
    assert.equal("client", err.kind)
    assert.equal(307, err.status)
    assert.equal("rejected", err.outcome)
    assert.equal(1, proxy.accepted)
  end)
end)

describe("a proxy that the environment names", function()
  it("is passed by plain HTTP, which only ever goes to this machine", function()
    local server = Server.new(function(connection)
      connection:read_request()
      connection:write(api.CREATED)
    end)
    local script = process.start_script([[
      local client = require("aitronos").new { api_key = "k", max_retries = 0 }
      print(client:try_invite_user {
        organization_id = "org_xyz789", email = "a@b.example", role_id = "r",
      })
    ]], "http_proxy=http://127.0.0.1:1 ALL_PROXY=http://127.0.0.1:1 AITRONOS_BASE_URL="
      .. server:url())
    server:run({}, function()
      return script:ended()
    end)
    local _, printed = script:finish()
    server:close()
    assert.truthy(printed:find("^table"), printed)
    assert.equal(1, server:count "POST")
  end)
end)
