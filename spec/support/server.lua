--- A server inside the spec's own process: no child process, no thread, no sleep. A handler runs as
--- one coroutine per connection and says, byte by byte if need be, what the client gets to see:
---
---     local server = Server.new(function(connection)
---       while connection:read_request() do
---         connection:write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
---       end
---     end)
---     local client = aitronos.new { base_url = server:url(), driver = server:driver(), … }
---
--- The loop, `run`, gives turns to clients and servers until what is waited for has happened, so
--- what a client sees does not depend on a scheduler. LuaSocket selects at most 1024 descriptors.

local socket = require "socket"
local ssl = require "ssl"

-- How long the loop waits where neither side has anything to do: a client's own descriptors and
-- timers are not among what it waits for.
local IDLE_SECONDS = 0.001
-- A spec that has not got there by then never will: after a minute at least in which nothing came,
-- or so many rounds in all. Counted, since a slow machine may take its time and clocks are set.
local IDLE_ROUNDS = 60 / IDLE_SECONDS
local ROUNDS = 1000000
local READ_BYTES = 65536
local BACKLOG = 512

---@class spec.Connection
---@field number integer counts the connections of its server
---@field sent integer bytes that the kernel took
local Connection = {}
Connection.__index = Connection

---@class spec.Server
---@field requests table[] every request that was read whole, in order
---@field accepted integer
---@field hung integer how often a handler left a client without an answer, on purpose
local Server = {}
Server.__index = Server

-- ## Connections: all of these run in the handler's coroutine

-- What a coroutine yields is what it waits for: "read", "write" or a predicate.
local function wait_for(what)
  coroutine.yield(what)
end

-- Waits for what an error of a socket asks for, or returns false: it is the end. LuaSocket says
-- "timeout" where a TLS object says what it wants.
local function wait_out(err, on_timeout)
  local what = err == "wantread" and "read" or err == "wantwrite" and "write"
    or err == "timeout" and on_timeout
  if what then
    wait_for(what)
  end
  return what ~= false
end

--- Adds what has come to `input`. False at the end of what the peer sends, or of the connection.
function Connection:fill()
  while self.socket do
    local data, err, partial = self.socket:receive(READ_BYTES)
    data = data or partial
    if data and data ~= "" then
      self.input = self.input .. data
      return true
    end
    if not wait_out(err, "read") then
      return false
    end
  end
  return false
end

--- Takes n bytes off the input; nil where the peer sends no more.
function Connection:read(n)
  while #self.input < n do
    if not self:fill() then
      return nil
    end
  end
  local bytes = self.input:sub(1, n)
  self.input = self.input:sub(n + 1)
  return bytes
end

local function parse_head(head)
  local method, path = head:match("^(%u+) (%S+) HTTP/1%.[01]\r\n")
  local headers = {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return { method = method, path = path, headers = headers }
end

--- The next request, with its body; nil where the peer hung up before it was whole.
function Connection:read_request()
  local _, last
  repeat
    _, last = self.input:find("\r\n\r\n", 1, true)
    if not last and not self:fill() then
      return nil
    end
  until last
  local request = parse_head(self:read(last))
  request.body = self:read(tonumber(request.headers["content-length"]) or 0)
  return request.body and self:record(request)
end

--- Enters what was read by other means than read_request among the server's requests.
function Connection:record(request)
  request.connection = self.number
  request.at = socket.gettime()
  table.insert(self.server.requests, request)
  return request
end

--- Sends all of it; false where the peer has hung up.
function Connection:write(bytes)
  local first = 1
  while self.socket and first <= #bytes do
    local last, err, partial = self.socket:send(bytes, first)
    local until_now = last or partial or first - 1
    self.sent = self.sent + until_now - first + 1
    first = until_now + 1
    if not last and not wait_out(err, "write") then
      return false
    end
  end
  return self.socket ~= nil
end

--- Speaks TLS from here on. Returns whether the handshake succeeded.
function Connection:start_tls(context)
  self.socket = assert(ssl.wrap(self.socket, context))
  self.socket:settimeout(0)
  while self.socket do
    local done, err = self.socket:dohandshake()
    if done then
      return true
    end
    if not wait_out(err, "read") then
      return false
    end
  end
  return false
end

--- Waits until something that the peer sent can be read, and does not read it.
function Connection.wait_for_bytes()
  wait_for("read")
end

local function at_once()
  return true
end

--- Gives everybody else a turn.
function Connection.pause()
  wait_for(at_once)
end

--- Waits until the predicate holds; it is asked in every round of the loop.
function Connection:wait_until(predicate)
  while self.socket and not predicate() do
    wait_for(predicate)
  end
end

--- Lets that much time pass; less where somebody sets the clock.
function Connection:sleep(seconds)
  local begun = socket.gettime()
  self:wait_until(function()
    return math.abs(socket.gettime() - begun) >= seconds
  end)
end

--- Counts a request that gets no answer, where the connection goes on.
function Connection:ignore()
  self.server.hung = self.server.hung + 1
end

--- Does nothing until the peer hangs up or the server is closed.
function Connection:hang()
  self:ignore()
  while self:fill() do
    self.input = ""
  end
end

function Connection:close()
  if self.socket then
    self.socket:close()
    self.socket = nil
  end
end

--- Closes with a reset. Not for TLS.
function Connection:reset()
  self.socket:setoption("linger", { on = true, timeout = 0 })
  self:close()
end

-- ## The loop

local function accept(server)
  local accepted = server.listener:accept()
  if accepted then
    server.accepted = server.accepted + 1
    return server:adopt(accepted, server.handler)
  end
end

local function resume(connection)
  local fine, what = coroutine.resume(connection.thread, connection)
  if not fine then
    error("in the handler of a connection: " .. debug.traceback(connection.thread, what), 0)
  end
  connection.waits = what
  if coroutine.status(connection.thread) == "dead" then
    connection:close()
    connection.server.connections[connection] = nil
  end
end

-- What can go on as it is goes to `ready`, the rest among what select watches.
local function watch(connection, watched, ready)
  local waits = connection.waits
  if not connection.socket or type(waits) == "function" and waits() then
    ready[#ready + 1] = connection
  elseif type(waits) == "string" then
    local list = watched[waits]
    list[#list + 1] = connection.socket
    watched.owners[connection.socket] = connection
  end
end

local function watch_all(servers, ready)
  local watched = { read = {}, write = {}, owners = {} }
  for _, server in ipairs(servers) do
    if server.listener then
      table.insert(watched.read, server.listener)
      watched.owners[server.listener] = server
    end
    for connection in pairs(server.connections) do
      watch(connection, watched, ready)
    end
  end
  return watched
end

--- Lets each connection that can go on do so. Returns whether any could.
local function step(servers, timeout)
  local ready = {}
  local watched = watch_all(servers, ready)
  local readable, writable = socket.select(watched.read, watched.write, ready[1] and 0 or timeout)
  for _, list in ipairs { readable, writable } do
    for _, one in ipairs(list) do
      local owner = watched.owners[one]
      if owner.handler then
        owner = accept(owner) -- nil where whoever asked has gone again
      end
      ready[#ready + 1] = owner
    end
  end
  for _, connection in ipairs(ready) do
    resume(connection)
  end
  return ready[1] ~= nil
end

local function describe(servers)
  local lines = { "not done, and will not be:" }
  for _, server in ipairs(servers) do
    lines[#lines + 1] = ("server on port %d: %d connections accepted"):format(server.port,
      server.accepted)
    for _, request in ipairs(server.requests) do
      lines[#lines + 1] = ("  read on connection %d: %s %s"):format(request.connection,
        request.method, request.path)
    end
    for connection in pairs(server.connections) do
      lines[#lines + 1] = ("  connection %d is open, waits for %s, has sent %d bytes"):format(
        connection.number, tostring(connection.waits), connection.sent)
    end
  end
  return table.concat(lines, "\n")
end

--- Gives turns to all of them until is_done() is true. Both lists may change meanwhile.
function Server.run_all(servers, clients, is_done)
  local rounds, idle = 0, 0
  while not is_done() do
    for _, client in ipairs(clients) do
      client:turn(0)
    end
    local busy = step(servers, idle > 0 and IDLE_SECONDS or 0)
    rounds, idle = rounds + 1, busy and 0 or idle + 1
    if rounds > ROUNDS or idle > IDLE_ROUNDS then
      error(describe(servers), 2)
    end
  end
end

-- ## Servers

--- Listens on a port of its own.
---@param handler fun(connection: spec.Connection) the connection is closed where it returns
---@return spec.Server
function Server.new(handler)
  local listener = assert(socket.bind("127.0.0.1", 0, BACKLOG))
  listener:settimeout(0)
  local _, port = listener:getsockname()
  return setmetatable({
    handler = handler,
    listener = listener,
    port = tonumber(port),
    requests = {},
    connections = {},
    accepted = 0,
    hung = 0,
  }, Server)
end

--- Lets a handler have a socket that is connected already, to whomever.
---@return spec.Connection
function Server:adopt(connected, handler)
  connected:settimeout(0)
  connected:setoption("tcp-nodelay", true)
  local connection = setmetatable({
    server = self,
    socket = connected,
    number = self.accepted,
    input = "",
    sent = 0,
    waits = at_once,
  }, Connection)
  connection.thread = coroutine.create(handler)
  self.connections[connection] = true
  return connection
end

--- Does something in the loop, once a predicate holds.
function Server:when(predicate, act)
  self:adopt(assert(socket.tcp4()), function(connection)
    connection:wait_until(predicate)
    act()
  end)
end

--- How many requests with this method were read.
function Server:count(method)
  local n = 0
  for _, request in ipairs(self.requests) do
    n = n + (request.method == method and 1 or 0)
  end
  return n
end

function Server:url(path)
  return "http://127.0.0.1:" .. self.port .. (path or "")
end

function Server:secure_url(path)
  return "https://127.0.0.1:" .. self.port .. (path or "")
end

--- Runs until is_done(), with these clients taking part.
function Server:run(clients, is_done)
  Server.run_all({ self }, clients, is_done)
end

--- What a client waits with, so that its calls and this server go on together.
function Server:driver()
  return {
    wait = function(client, job)
      self:run({ client }, function()
        return job:done()
      end)
    end,
  }
end

--- Further connections are refused; those that stand go on. The port stays taken, lest another
--- server get what is meant for this one.
function Server:stop_listening()
  if self.listener then
    self.listener:close()
    self.listener = nil
    self.reserved = assert(socket.tcp4())
    self.reserved:setoption("reuseaddr", true)
    assert(self.reserved:bind("127.0.0.1", self.port))
  end
end

--- Accepts connections again.
function Server:start_listening()
  self.listener, self.reserved = self.reserved, nil
  assert(self.listener:listen(BACKLOG))
  self.listener:settimeout(0)
end

function Server:close()
  for connection in pairs(self.connections) do
    connection:close()
  end
  self.connections = {}
  for _, name in ipairs { "listener", "reserved" } do
    if self[name] then
      self[name]:close()
      self[name] = nil
    end
  end
end

return Server
