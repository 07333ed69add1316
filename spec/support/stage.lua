--- An nginx with our module, the server that it invites at, and callers of that nginx, the latter
--- two in one loop of the spec's own process. So a spec says in which order things happen:
---
---     local stage = Stage.each()
---     it("…", function()
---       local name = stage:client {}                -- of a worker, which invites at the server
---       stage:hold()                                -- no invitation is answered from here on
---       local call = stage:invite(name, "new@example.com")
---       stage:wait_for_posts(1)
---       stage:ping(20)                              -- raises where one is not answered
---       stage:release()
---       assert(stage:finish(call).id)
---     end)

local busted = require "busted"
local cjson = require "cjson"
local socket = require "socket"

local Nginx = require "spec.support.nginx"
local Server = require "spec.support.server"
local api = require "spec.support.api"
local eventually = require "spec.support.eventually"

-- What is not about a time-out has more time than the slowest machine needs.
local AMPLE = { connect_timeout = 600, timeout = 600, deadline = 1200 }

---@class spec.Stage
---@field nginx spec.Nginx
---@field server spec.Server
local Stage = {}
Stage.__index = Stage

---@class spec.Call
---@field ended boolean
---@field status? integer nil where the connection ended without an answer
---@field json? table

-- ## The server that stands for the API

local function local_part(request)
  return cjson.decode(request.body).email:match("^[^@]*")
end

--- The answer to a sending; the id of the invitation is made of the address.
function Stage.made(request)
  return api.response(201, api.made("inv_" .. local_part(request)))
end

--- What the server does unless the spec says otherwise. True: the connection goes on.
function Stage.serve(connection, request)
  if request.method == "GET" then
    return connection:write(api.ABSENT)
  end
  return connection:write(Stage.made(request))
end

-- The spec may change its mind while a connection is open.
local function handler(stage)
  return function(connection)
    local context = stage.tls
    if context and not connection:start_tls(context) then
      return
    end
    local request = connection:read_request()
    while request and stage.serve(connection, request) do
      request = connection:read_request()
    end
  end
end

-- Whether the peer has hung up, without waiting.
local function is_gone(connection)
  local data, err, partial = connection.socket:receive(1)
  connection.input = connection.input .. (data or partial or "")
  return err == "closed"
end

--- Answers nothing until `release`. A connection that ends meanwhile is counted in `lost`.
function Stage:hold()
  self.held = true
  self.serve = function(connection, request)
    local lost = false
    connection:wait_until(function()
      lost = lost or is_gone(connection)
      return lost or not self.held
    end)
    if lost then
      self.lost = self.lost + 1
      return false
    end
    return Stage.serve(connection, request)
  end
end

function Stage:release()
  self.held = false
end

--- How many invitations were sent, of all or for one address.
function Stage:posts(email)
  local count = 0
  for _, request in ipairs(self.server.requests) do
    if request.method == "POST" and (not email or cjson.decode(request.body).email == email) then
      count = count + 1
    end
  end
  return count
end

--- Waits until so many were sent.
function Stage:wait_for_posts(count)
  self:run(function()
    return self:posts() >= count
  end)
end

--- Forgets what was served, and serves as usual again.
function Stage:reset()
  self.serve, self.tls, self.held, self.lost = nil, nil, false, 0
  self.server.requests = {}
end

-- ## Callers

local function read_head(connection)
  local last
  repeat
    last = select(2, connection.input:find("\r\n\r\n", 1, true))
    if not last and not connection:fill() then
      return nil
    end
  until last
  return connection:read(last)
end

-- In HTTP/1.0, so that nginx gives the length of all that it answers.
local REQUEST = "%s %s HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n"
  .. "Content-Length: %d\r\n\r\n%s"

local function new_call(path, body)
  return { method = body and "POST" or "GET", path = path, body = body or "" }
end

local function exchange(connection, call)
  connection:write(REQUEST:format(call.method, call.path, #call.body, call.body))
  local head = read_head(connection)
  if head then
    local length = tonumber(head:match("[Cc]ontent%-[Ll]ength: (%d+)") or 0)
    call.text = connection:read(length)
    call.status = call.text and tonumber(head:match("^HTTP/1.%d (%d+)"))
    local fine, json = pcall(cjson.decode, call.text)
    call.json = fine and json or nil
  end
  call.ended = true
end

--- A connection to nginx that stays open: its calls go one after another, to one worker.
---@return table line { get = function(line, path): spec.Call }
function Stage:line()
  local line = { calls = {}, sent = 0 }
  local connected = assert(socket.connect("127.0.0.1", self.nginx.port))
  line.connection = self.server:adopt(connected, function(connection)
    while connection.socket do
      connection:wait_until(function()
        return line.sent < #line.calls
      end)
      if connection.socket then
        line.sent = line.sent + 1
        exchange(connection, line.calls[line.sent])
      end
    end
  end)
  function line.get(_, path, body)
    local call = new_call(path, body)
    table.insert(line.calls, call)
    return call
  end
  return line
end

--- A call on a connection of its own.
---@return spec.Call
function Stage:get(path, body)
  local call = new_call(path, body)
  local connected = assert(socket.connect("127.0.0.1", self.nginx.port))
  call.connection = self.server:adopt(connected, function(connection)
    exchange(connection, call)
  end)
  return call
end

--- The caller hangs up.
function Stage.abort(call)
  call.connection:close()
end

--- Runs until the call has ended.
---@return table|string|nil answer
function Stage:finish(call)
  self:run(function()
    return call.ended
  end)
  return call.json or call.text
end

--- The answer of one of the site's pages.
function Stage:page(path, body)
  local call = self:get(path, body)
  local answer = self:finish(call)
  assert(call.status == 200, ("%s: %s %s"):format(path, call.status, call.text))
  return answer
end

--- Other requests, one after another, on one connection to the one worker.
function Stage:ping(count)
  local line = self:line()
  for _ = 1, count do
    assert(self:finish(line:get "/ping") == "pong")
  end
  line.connection:close()
end

---@return spec.Call
function Stage:invite(client, email)
  return self:get(("/invite?client=%s&email=%s"):format(client, email))
end

--- Names options of a client, for the site's pages.
---@return string name
function Stage:client(options)
  self.clients = self.clients + 1
  local name = "client" .. self.clients
  options.base_url = options.base_url or self.server:url()
  for time, seconds in pairs(AMPLE) do
    options[time] = options[time] or seconds
  end
  self:page("/define?client=" .. name, cjson.encode(options))
  return name
end

--- The next lines that the site notes, once there are so many: `ends`, or of `events` those that
--- are the last of their job.
function Stage:noted(list, count)
  local lines = {}
  eventually(function()
    for _, line in ipairs(self:page("/" .. list)) do
      if list == "ends" or line.done then
        lines[#lines + 1] = line
      end
    end
    return #lines >= count
  end)
  return lines
end

-- ## All of it

local function begin(stage, given)
  stage.clients, stage.lost = 0, 0
  stage.server = Server.new(handler(stage))
  stage.servers = { stage.server }
  given.upstream = stage.server:url()
  stage.nginx = Nginx.start(given)
end

---@param given? table as of spec.support.nginx
---@return spec.Stage
function Stage.start(given)
  local stage = setmetatable({}, Stage)
  begin(stage, given or {})
  return stage
end

--- One for all specs of the block in which it is called; each finds it as new.
---@param given? table as of spec.support.nginx
---@return spec.Stage
function Stage.each(given)
  local stage = setmetatable({}, Stage)
  busted.setup(function()
    begin(stage, given or {})
  end)
  busted.teardown(function()
    stage:stop()
  end)
  busted.before_each(function()
    stage:reset()
  end)
  return stage
end

function Stage:run(is_done)
  Server.run_all(self.servers, {}, is_done)
end

--- A further server, in the same loop.
---@return spec.Server
function Stage:add_server(serve)
  local server = Server.new(serve)
  table.insert(self.servers, server)
  return server
end

function Stage:stop()
  for _, server in ipairs(self.servers) do
    server:close()
  end
  self.nginx:stop()
end

return Stage
