--- Answers that have no end, or swell, or nest: each must end the call in good time, in little
--- memory, and never with a second request where the first may have been served.

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local shell = require "spec.support.shell"

local MEGABYTE = 1048576
local MAX_RESPONSE = MEGABYTE
-- What the calls may add to the peak, the server's half of them included.
local MAX_GROWTH = 16 * MEGABYTE
-- The answer's maximum and what the kernel holds for two sockets.
local MAX_SENT = 16 * MEGABYTE
local GIGABYTE = 1024 * MEGABYTE

local CREATED = "HTTP/1.1 201 Created\r\n"

-- Bytes of /proc/self/status, or nil where there is no such thing.
local function memory(field)
  local file = io.open("/proc/self/status")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  local kilobytes = text:match(field .. ":%s*(%d+) kB")
  return kilobytes and kilobytes * 1024
end

-- Forgets the peak so far, so that an earlier one hides nothing.
local function reset_peak()
  collectgarbage()
  local file = io.open("/proc/self/clear_refs", "w")
  if file then
    file:write("5")
    file:close()
  end
end

-- Sanitizers and valgrind, under which `make` runs a host of our own or another program, keep
-- freed memory on purpose.
local function measurable()
  local instrumented = os.getenv("UNDER") or ""
  local hosted = (os.getenv("LUA_COMMAND") or ""):find("/host$")
  return memory("VmHWM") and instrumented == "" and not hosted
end

local function zeros(bytes)
  return shell.output_of(("head -c %d /dev/zero | gzip -9"):format(bytes))
end

-- Sends the head and then the same bytes until they come to the total, or the client hangs up.
local function flood(head, bytes, total)
  return function(connection)
    local fine = connection:write(head)
    local sent = 0
    while fine and sent < total do
      fine = connection:write(bytes)
      sent = sent + #bytes
    end
  end
end

local function write(bytes)
  return function(connection)
    connection:write(bytes)
  end
end

local bomb = zeros(64 * MEGABYTE)
local block = ("x"):rep(65536)

-- Name, code of the Error, what the server does. A 2xx is never followed by a second POST; where
-- no status came, proof of absence allows one, and so does its outcome.
local CASES = {
  {
    name = "a gzip bomb",
    code = "RESPONSE_TOO_LARGE",
    serve = write(CREATED .. "Content-Encoding: gzip\r\nContent-Length: " .. #bomb .. "\r\n\r\n"
      .. bomb),
  },
  {
    name = "a gigabyte with its length",
    code = "RESPONSE_TOO_LARGE",
    serve = flood(CREATED .. "Content-Length: " .. GIGABYTE .. "\r\n\r\n", block, GIGABYTE),
  },
  {
    name = "a gigabyte in chunks",
    code = "RESPONSE_TOO_LARGE",
    serve = flood(CREATED .. "Transfer-Encoding: chunked\r\n\r\n", "10000\r\n" .. block .. "\r\n",
      GIGABYTE),
  },
  {
    name = "a gigabyte without length",
    code = "RESPONSE_TOO_LARGE",
    serve = flood(CREATED .. "\r\n", block, GIGABYTE),
  },
  {
    name = "a hundred thousand brackets",
    code = "NOT_JSON",
    serve = write(api.response(201, ("["):rep(100000))),
  },
  {
    name = "fifty thousand objects in each other",
    code = "NOT_JSON",
    serve = write(api.response(201, ('{"a":'):rep(50000) .. "1" .. ("}"):rep(50000))),
  },
  {
    name = "headers without end",
    code = "HEADERS_TOO_LARGE",
    serve = flood(CREATED, "X-More: and more\r\n", GIGABYTE),
  },
  {
    name = "long headers without end",
    code = "HEADERS_TOO_LARGE",
    serve = flood(CREATED, "X-More: " .. block:sub(1, 8192) .. "\r\n", GIGABYTE),
  },
  {
    name = "a header line without end",
    code = "HEADERS_TOO_LARGE",
    serve = flood(CREATED .. "X-More: ", block, GIGABYTE),
  },
  {
    name = "trailers without end",
    code = "HEADERS_TOO_LARGE",
    serve = flood(CREATED .. "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X-More: and more\r\n",
      GIGABYTE),
  },
  {
    name = "1xx answers without end",
    code = "HEADERS_TOO_LARGE",
    no_status = true,
    serve = flood("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", GIGABYTE),
  },
}

describe("an answer beyond all limits", function()
  local server, client, peak_before

  local function start(serve_post, serve_look_up)
    server = Server.new(function(connection)
      while true do
        local request = connection:read_request()
        if not request then
          return
        elseif request.method == "POST" then
          serve_post(connection)
          server.sent = math.max(server.sent or 0, connection.sent)
          return
        end
        serve_look_up(connection)
      end
    end)
    client = aitronos.new {
      api_key = "ak_test",
      base_url = server:url(),
      proxy = "",
      max_response_bytes = MAX_RESPONSE,
      settle = 0,
      driver = server:driver(),
    }
  end

  setup(function()
    reset_peak()
    peak_before = memory("VmHWM")
  end)

  after_each(function()
    client:close()
    server:close()
  end)

  for _, case in ipairs(CASES) do
    it("is a protocol error, and no reason to send again: " .. case.name, function()
      start(case.serve, write(api.ABSENT))

      local invitation, err = client:try_invite_user(api.PARAMS)

      assert.is_nil(invitation)
      assert.equal("protocol", err.kind)
      assert.equal(case.code, err.code)
      assert.equal(case.no_status and "rejected" or "unknown", err.outcome)
      assert.equal(case.no_status and 2 or 1, server:count("POST"))
      assert.is_true(server.sent < MAX_SENT)
    end)
  end

  it("proves nothing where a look-up gets it", function()
    local gigabyte = flood("HTTP/1.1 404 Not Found\r\n\r\n", block, GIGABYTE)
    start(write(api.response(500, "")), gigabyte)

    local invitation, err = client:try_invite_user(api.PARAMS)

    assert.is_nil(invitation)
    assert.equal("server", err.kind)
    assert.equal("unknown", err.outcome)
    assert.equal(1, server:count("POST"))
  end)

  it("costs little memory", function()
    start(write(api.CREATED), write(api.ABSENT))
    if not measurable() then
      return pending("the peak of the memory cannot be measured here")
    end

    local peak = memory("VmHWM")

    print(("\n# limits: peak memory %.1f MiB before, %.1f MiB after"):format(
      peak_before / MEGABYTE, peak / MEGABYTE))
    assert.is_true(peak - peak_before < MAX_GROWTH)
  end)
end)
