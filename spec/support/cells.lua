--- Calls that each meet one fault of spec.support.faults, each with a client and a server of its
--- own and many at once. What must come of them stands in spec/faults_spec.lua.

local Server = require "spec.support.server"
local aitronos = require "aitronos"
local api = require "spec.support.api"
local h2 = require "spec.support.h2"

---@class spec.Cell
---@field fault spec.Fault
---@field look_up string what a look-up says: one of cells.LOOK_UPS
---@field mode "once"|"always" how often the fault strikes
---@field reused boolean whether the connection has carried a good call before
---@field looks_up boolean whether the fault is followed by a look-up
---@field posts integer that reached the server, the good call's aside
---@field timeouts integer attempts that timed out
---@field cut_off boolean whether one did before the status of the fault had come
---@field server spec.Server
---@field result table { invitation, response } or { err }

local cells = {}

-- Status and body, made when asked for; nothing: it hangs.
local SAYS = {
  ["finds it"] = function()
    return 200, api.found()
  end,
  ["finds an older one"] = function()
    return 200, api.found { created_at = "2020-01-05T10:30:00Z" }
  end,
  ["finds another role"] = function()
    return 200, api.found { role_id = "role_admin" }
  end,
  ["says absent"] = function()
    return 404, api.problem("INVITATION_NOT_FOUND")
  end,
  ["is unavailable"] = function()
    return 503, api.HTML
  end,
  ["hangs"] = function() end,
}

--- The names of all that a look-up can say.
cells.LOOK_UPS = {}
for name in pairs(SAYS) do
  table.insert(cells.LOOK_UPS, name)
end
table.sort(cells.LOOK_UPS)

-- Few enough for select, with some six descriptors each.
local AT_ONCE = 100
-- Seconds for what never comes. A cell for which the machine was too slow begins again with more.
local NEVER_COMES = { 1, 5, 25 }

local certificates

--- Whether just those attempts timed out that were left without an answer, and the client had read
--- by then all that came. If not, the machine was too slow.
function cells.kept_up(cell)
  return cell.timeouts == cell.server.hung and not cell.cut_off
end


-- ## Servers

-- Whether the fault is done to the n-th one, be it a POST or a connection.
local function strikes(cell, n)
  return cell.primed and (cell.mode == "always" or n == 1)
end

local HTTP1 = {
  read = function(connection)
    return connection:read_request()
  end,
  respond = function(connection, _, status, body)
    connection:write(api.response(status, body))
  end,
  hang = function(connection)
    connection:hang()
  end,
}

local HTTP2 = {
  read = h2.read_request,
  respond = h2.respond,
  -- The next request may come over the same connection.
  hang = function(connection)
    connection:ignore()
    return true
  end,
}

local function look_up(cell, connection, request, protocol)
  local status, body = SAYS[cell.look_up]()
  if not status then
    return protocol.hang(connection)
  end
  protocol.respond(connection, request, status, body)
  return true
end

local function post(cell, connection, request, protocol)
  cell.posts = cell.posts + (cell.primed and 1 or 0)
  if cell.fault.serve and strikes(cell, cell.posts) then
    return cell.fault.serve(connection, request)
  end
  if cell.fault.accept or cell.fault.tls or cell.fault.refuses then
    -- The fault is one of new connections, so the next request must need one.
    connection:write(api.response(201, api.made(), { "Connection: close" }))
    return false
  end
  protocol.respond(connection, request, 201, api.made())
  return true
end

local function secure(cell, connection, faulty)
  if not cell.fault.tls and not cell.fault.http2 then
    return true
  end
  local name = cell.fault.http2 and "h2" or faulty and cell.fault.tls or "good"
  return connection:start_tls(certificates.contexts[name])
    and (not cell.fault.http2 or h2.start(connection))
end

local function reset_unread(cell, connection)
  connection:wait_for_bytes()
  cell.posts = cell.posts + 1
  cell.fault.unread(connection)
end

local function handler(cell)
  local protocol = cell.fault.http2 and HTTP2 or HTTP1
  return function(connection)
    cell.connections = cell.connections + (cell.primed and 1 or 0)
    local faulty = strikes(cell, cell.connections)
    if faulty and cell.fault.accept then
      return cell.fault.accept(connection)
    end
    if not secure(cell, connection, faulty) then
      return
    end
    local goes_on = true
    while goes_on do
      connection:wait_for_bytes()
      if cell.fault.unread and strikes(cell, cell.posts + 1) then
        return reset_unread(cell, connection)
      end
      local request = protocol.read(connection)
      if not request then
        return
      end
      local serve = request.method == "GET" and look_up or post
      goes_on = serve(cell, connection, request, protocol)
    end
  end
end


-- ## Cells

-- The time-out of the client that ends what never comes, if anything does not.
local function short_timeout(cell)
  return cell.fault.never_comes
    or cell.looks_up and cell.look_up == "hangs" and "timeout"
end

local function new_client(cell)
  local options = {
    api_key = "ak_test_secret",
    base_url = (cell.fault.tls or cell.fault.http2) and cell.server:secure_url()
      or cell.server:url(),
    ca_file = certificates.ca_file,
    http2 = cell.fault.http2,
    proxy = "",
    timeout = 300,
    connect_timeout = 300,
    deadline = 1000,
    max_retries = 1,
    settle = 0.02,
    on_event = function(event)
      if event.failure == "timeout" or event.failure == "connect_timeout" then
        cell.timeouts = cell.timeouts + 1
        cell.cut_off = cell.cut_off or not event.look_up and event.status ~= cell.fault.status
      end
    end,
  }
  local short = short_timeout(cell)
  if short then
    options[short] = NEVER_COMES[cell.round]
  end
  for name, value in pairs(cell.fault.options or {}) do
    options[name] = value
  end
  return aitronos.new(options)
end

local function prime(cell)
  cell.primed = true
  if cell.fault.refuses then
    cell.server:stop_listening()
  end
end

local function start(cell)
  cell.round = (cell.round or 0) + 1
  cell.posts, cell.connections, cell.timeouts = 0, 0, 0
  cell.primed, cell.cut_off = false, false
  cell.server = Server.new(handler(cell))
  cell.client = new_client(cell)
  if not cell.reused then
    prime(cell)
  end
  cell.job = cell.client:submit(api.PARAMS)
end

local function may_begin_again(cell)
  return not cells.kept_up(cell) and NEVER_COMES[cell.round + 1] ~= nil
end

-- Moves a cell on whose job is done; true where that was all.
local function finish(cell)
  local invitation, response = cell.job:try_result()
  if not cell.primed and not may_begin_again(cell) then
    assert(invitation, "the call before the fault failed: " .. tostring(response))
    prime(cell)
    cell.job = cell.client:submit(api.PARAMS)
    return false
  end
  cell.result = {
    invitation = invitation,
    response = invitation and response,
    err = not invitation and response or nil,
  }
  cell.client:close()
  cell.server:close()
  return true
end

local function drop(list, value)
  for i = #list, 1, -1 do
    if list[i] == value then
      table.remove(list, i)
    end
  end
end

-- What waits longest begins first.
local function weight(cell)
  return (cell.looks_up and cell.look_up == "hangs" and 2 or 0)
    + ((short_timeout(cell) or cell.mode == "always") and 1 or 0)
end

local function in_order(list)
  local ordered = {}
  for i, cell in ipairs(list) do
    ordered[i] = cell
  end
  table.sort(ordered, function(one, other)
    return weight(one) > weight(other)
  end)
  return ordered
end

--- Runs all of them, and sets their results.
---@param list spec.Cell[]
---@param made table what spec.support.tls made
function cells.run(list, made)
  certificates = made
  local waiting, again = in_order(list), {}
  local servers, clients, running = {}, {}, {}
  local taken = 0
  local function take()
    taken = taken + 1
    return waiting[taken] or table.remove(again)
  end
  Server.run_all(servers, clients, function()
    for i = #running, 1, -1 do
      local cell = running[i]
      if cell.job:done() and finish(cell) then
        table.remove(running, i)
        drop(servers, cell.server)
        drop(clients, cell.client)
        if may_begin_again(cell) then
          table.insert(again, cell)
        end
      end
    end
    while #running < AT_ONCE do
      local cell = take()
      if not cell then
        break
      end
      start(cell)
      table.insert(running, cell)
      table.insert(servers, cell.server)
      table.insert(clients, cell.client)
    end
    return running[1] == nil
  end)
end

return cells
