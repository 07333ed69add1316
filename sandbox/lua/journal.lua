-- What the API was asked: the last requests, as they came in, and how each was answered.
-- A request is written down before it is acted on, since some are never answered.

local json = require "json"
local ring = require "ring"

local journal = {}

local SIZE = 1000

local requests = ring.new(ngx.shared.requests, SIZE)
local counters = ngx.shared.counters

local CREDENTIALS = { "x-api-key", "api-key", "authorization", "proxy-authorization", "cookie" }


local function mask(value)
  if type(value) == "table" then
    value = table.concat(value, ", ")
  end
  local scheme, secret = value:match("^(%a+ +)(.+)$")
  secret = secret or value
  return (scheme or "") .. (secret:match("^sandbox_") or "") .. "***"
end


local function masked_headers()
  local headers = ngx.req.get_headers(0, true)
  local masked = {}
  for name, value in pairs(headers) do
    masked[name:lower()] = value
  end
  for _, name in ipairs(CREDENTIALS) do
    masked[name] = masked[name] and mask(masked[name])
  end
  return masked
end


---@param call table  made by app.lua
---@return integer number
function journal.add(call)
  if call.method == "POST" and call.email then
    counters:incr("posts:" .. call.email:lower(), 1, 0)
  end
  return requests:add(json.encode {
    time = ngx.now(),
    method = call.method,
    path = call.path,
    protocol = ngx.var.server_protocol,
    key = call.key and call.key.role or json.null,
    organization_id = call.organization_id or json.null,
    email = call.email or json.null,
    body_bytes = #call.body,
    fault = call.plan and call.plan.text or json.null,
    headers = masked_headers(),
    body = call.body,
  })
end


---@param status integer  as sent; nothing is noted where nothing was
function journal.finish(number, status)
  if status ~= 444 and status ~= 499 then
    ngx.shared.requests:set("status" .. number % SIZE, number .. " " .. status)
  end
end


local function status_of(number)
  local text = ngx.shared.requests:get("status" .. number % SIZE) or ""
  local noted, status = text:match("^(%d+) (%d+)$")
  return tonumber(noted) == number and tonumber(status) or json.null
end


---Iterates over requests, oldest first; those for one address if one is given.
function journal.each(email)
  local following = requests:each()
  return function()
    for number, text in following do
      local request = json.decode(text)
      if not email or request.email ~= json.null and request.email:lower() == email:lower() then
        request.status = status_of(number)
        return request
      end
    end
  end
end


---How many POSTs came for an address.
function journal.posts(email)
  return counters:get("posts:" .. email:lower()) or 0
end

return journal
