--- What a process's memory holds, and what happens where there is none to be had.
local Server = require "spec.support.server"
local api = require "spec.support.api"
local child = require "spec.memory.child"
local sandbox = require "spec.support.sandbox"
local tls = require "spec.support.tls"

local it_with = child.it_with

-- memory_host replaces malloc, so that there is none under a sanitizer; that is when there is host.
local memory_host = child.host { "memory_host" }
local any_host = child.host { "host", "memory_host" }

local function assert_succeeds(process)
  local code, output = process:finish()
  assert.equal(0, code, output)
  return output
end

-- What is over HTTP/2 is left out: nghttp2 keeps each header in memory of its own, which libcurl
-- can't have it overwrite.
describe("the key", function()
  local certificates = tls.each()

  local function echo(status, key, body)
    return api.response(status, body or api.problem("FORBIDDEN", "The key " .. key .. " may not."),
      { "x-request-id: " .. key, "x-key: " .. key })
  end

  -- The answers to each address, one after another; nothing: a hang-up.
  local function answers(key)
    local again = api.response(503, api.problem("UNAVAILABLE"), { "Retry-After: 0" })
    return {
      made = { api.CREATED, api.CREATED },
      busy = { again, api.ABSENT, api.CREATED },
      absent = { "", api.ABSENT, api.CREATED },
      found = { "", api.response(200, api.found { email = "found@example.com" }) },
      refused = { api.response(403, api.problem("FORBIDDEN")) },
      echo = { echo(403, key) },
      echoed = { echo(201, key, api.made()) },
    }
  end

  local function new_server(context)
    local script
    return Server.new(function(connection)
      if context and not connection:start_tls(context) then
        return
      end
      while true do
        local request = connection:read_request()
        if not request then
          return
        end
        local key = request.headers["x-api-key"] or request.headers.authorization:match(" (.*)")
        script = script or answers(key)
        local what = (request.path .. request.body):match("(%l+)%p%d*example")
        local answer = table.remove(script[what], 1)
        if answer == "" then
          return
        end
        connection:write(answer)
      end
    end)
  end

  local function leaves_no_copy(credential, context)
    local server = new_server(context)
    -- Else the dynamic linker saves vector registers on the stack when a function of the
    -- interpreter's is first called, and with them what was last copied.
    local process = child.start("LD_BIND_NOW=1 " .. memory_host, "secrets",
      context and server:secure_url() or server:url(), certificates.ca_file, credential)
    server:run({}, function()
      return process:ended()
    end)
    server:close()
    assert_succeeds(process)

    local value = credential == "api_key" and "x-api-key" or "authorization"
    assert.is_true(server:count("POST") >= 7)
    for _, request in ipairs(server.requests) do
      assert.truthy(request.headers[value]:find("^" .. ("%w"):rep(48) .. "$")
        or request.headers[value]:find("^Bearer " .. ("%w"):rep(48) .. "$"))
    end
  end

  it_with(memory_host, "is nowhere once its client is closed", function()
    leaves_no_copy("api_key")
  end)

  it_with(memory_host, "is nowhere after calls over TLS", function()
    leaves_no_copy("bearer_token", certificates.contexts.good)
  end)
end)

describe("a password", function()
  it_with(memory_host, "or an invitation's key is nowhere once it was sent", function()
    local answers = {
      api.response(200, '{"user_id":"usr_1"}'), api.response(422, api.problem("NO")),
      api.response(200, '{"valid":true}'),
    }
    local server = Server.new(function(connection)
      while connection:read_request() do
        if not answers[1] then
          return connection:hang()
        end
        connection:write(table.remove(answers, 1))
      end
    end)
    local process = child.start("LD_BIND_NOW=1 " .. memory_host, "password", server:url())
    server:run({}, function()
      return process:ended()
    end)
    server:close()
    assert_succeeds(process)
    assert.equal("POST POST GET", server.requests[1].method .. " " .. server.requests[2].method
      .. " " .. server.requests[3].method)
    for _, request in ipairs(server.requests) do
      assert.truthy((request.path .. request.body):find(("%w"):rep(48)))
    end
  end)
end)

describe("where memory runs out", function()
  local server = sandbox.each()

  for _, what in ipairs { "new", "success", "absent", "found", "refused", "cancelled" } do
    it_with(memory_host, "a call errs, tells the truth and leaks nothing: " .. what, function()
      for _, how in ipairs { "once", "onward" } do
        local output = assert_succeeds(child.start(memory_host, "walk", server.base_url, what, how))
        assert.is_true(tonumber(output) > 40)
      end
    end)
  end
end)

describe("a process", function()
  local server = sandbox.each()

  it_with(any_host, "has no more descriptors after a thousand clients", function()
    io.write("\n", assert_succeeds(child.start(any_host, "clients", server.base_url,
      server.https_base_url, server.ca_file)))
  end)
end)
