-- What the API was asked: the last requests, as they came in, and how each was answered.
-- A request is written down before it is acted on, since some are never answered.

local json = require "json"
local ring = require "ring"

local journal = {}

local CREDENTIALS = { "x-api-key", "api-key", "authorization", "proxy-authorization", "cookie" }

local requests = ring.new(1000)
local counters = ngx.shared.counters

---@param call table  made by app.lua
function journal.add(call)
  call.time = ngx.now()
  call.protocol = ngx.var.server_protocol
  call.headers = ngx.req.get_headers(0)
  requests:add(call)
  if call.method == "POST" and call.email then
    counters:incr("posts:" .. call.email:lower(), 1, 0)
  end
end

---@param status integer  as sent; nothing is noted where nothing was
function journal.finish(call, status)
  if status ~= 444 and status ~= 499 then
    call.status = status
  end
end

---@param most integer
---@return table[] calls  newest first
function journal.newest(most)
  return requests:newest(most)
end

---Iterates over calls, oldest first; those for one address if one is given.
function journal.each(email)
  local following = requests:each()
  return function()
    for call in following do
      if not email or call.email and call.email:lower() == email:lower() then
        return call
      end
    end
  end
end

local function has_credential(call)
  for _, name in ipairs(CREDENTIALS) do
    if call.headers[name] then
      return true
    end
  end
  return false
end

---A call as the sandbox's pages show it.
function journal.show(call)
  return {
    time = call.time,
    protocol = call.protocol,
    method = call.method,
    path = call.path,
    status = call.status or json.null,
    key = call.key and call.key.role or json.null,
    credential = has_credential(call),
    organization_id = call.organization_id or json.null,
    email = call.email or json.null,
    body_bytes = call.body_bytes,
    fault = call.plan and call.plan.text or json.null,
    struck = call.struck or json.null,
  }
end

-- Keeps of a key only that it is one of the sandbox's own.
local function mask(value)
  if type(value) == "table" then
    value = table.concat(value, ", ")
  end
  local scheme, secret = value:match("^(%a+ +)(.+)$")
  secret = secret or value
  return (scheme or "") .. (secret:match("^sandbox_") or "") .. "***"
end

---The same with headers, but for credentials, and body.
function journal.show_raw(call)
  local shown = journal.show(call)
  shown.body = call.body
  shown.headers = {}
  for name, value in pairs(call.headers) do
    shown.headers[name] = value
  end
  for _, name in ipairs(CREDENTIALS) do
    shown.headers[name] = shown.headers[name] and mask(shown.headers[name])
  end
  return shown
end

---How many POSTs came for an address.
function journal.posts(email)
  return counters:get("posts:" .. email:lower()) or 0
end

---Addresses, in lower case, for which POSTs came.
---@return string[]
function journal.addresses()
  local addresses = {}
  for _, key in ipairs(counters:get_keys(0)) do
    addresses[#addresses + 1] = key:match("^posts:(.*)$")
  end
  table.sort(addresses)
  return addresses
end

function journal.clear()
  requests:clear()
end

return journal
