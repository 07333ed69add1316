-- One request to the API: reads it, writes it down, checks who may, has its operation done, with
-- the fault that was asked for.

local auth = require "auth"
local faults = require "faults"
local ids = require "ids"
local journal = require "journal"
local json = require "json"
local limits = require "limits"
local operations = require "operations"
local problem = require "problem"
local reply = require "reply"
local store = require "store"
local world = require "world"

local app = {}

local function text_or_nil(value)
  return type(value) == "string" and value or nil
end

-- The body as it may be written down.
local function without_secret(name, fields)
  if type(fields) ~= "table" then
    return "***"
  end
  local shown = {}
  for key, value in pairs(fields) do
    shown[key] = key == name and "***" or value
  end
  return json.encode(shown)
end

---@return table call
---@return any fields  its body, decoded; not part of the call, which the journal keeps
---@return table? operation
local function read()
  ngx.req.read_body()
  local body = ngx.req.get_body_data() or ""
  local operation, call = operations.find(ngx.var.uri)
  local fields = json.decode(body)
  call.method = ngx.req.get_method()
  call.path = ngx.var.request_uri
  call.arguments = ngx.req.get_uri_args()
  call.body_bytes = #body
  call.body = operation and operation.secret and without_secret(operation.secret, fields) or body
  local source = call.method == "POST" and fields or call.arguments
  call.email = type(source) == "table" and text_or_nil(source.email)
  return call, fields, operation
end

-- The address of whom the call is about, where it gives an id or a key instead; of the first, where
-- it gives a list.
local function find_address(call, fields)
  if type(fields) ~= "table" then
    fields = {}
  end
  local first = type(fields.user_ids) == "table" and fields.user_ids[1]
  local user_id = store.user {
    user_id = call.user_id or text_or_nil(call.arguments.user_id) or text_or_nil(first),
    invitation_id = text_or_nil(call.arguments.invitation_id),
    email_key = call.email_key or text_or_nil(fields.email_key),
  }
  return user_id and store.address(user_id)
end

local function set_headers(call)
  local header = ngx.header
  header["x-request-id"] = "req_" .. ids.uuid()
  header["freddy-api-version"] = world.API_VERSION
  header["aitronos-organization"] = call.organization_id
end

---@return table? problem
local function refuse(call, operation, forbidden)
  if not operation then
    return problem.new(404, "NOT_FOUND", "There is no such path.")
  end
  if call.method ~= operation.method then
    return problem.new(405, "METHOD_NOT_ALLOWED", nil, nil, { Allow = operation.method })
  end
  if operation.access == "anyone" then
    return nil
  end
  if forbidden then
    return forbidden
  end
  local headers, exhausted = limits.take(call.key)
  for name, value in pairs(headers) do
    ngx.header[name] = value
  end
  return exhausted or auth.forbid(call.key, operation.access, call.organization_id)
end

-- Has it done, or a fault strike, or both.
local function answer(call, operation, act)
  local fault = faults.due(call.plan, operation.name)
  call.struck = fault and fault.name
  if fault and not fault.makes then
    return fault.act(nil, act)
  end
  local status, body = act()
  if not status then
    return reply.problem(body)
  end
  if fault then
    return fault.act { status = status, body = body or {} }
  end
  return reply.json(status, body)
end

function app.handle()
  local call, fields, operation = read()
  local forbidden
  call.key, forbidden = auth.identify()
  journal.add(call)
  ngx.ctx.call = call
  set_headers(call)

  call.email = call.email or find_address(call, fields)
  local unknown
  call.plan, unknown = faults.plan(call.email, call.organization_id, operations.NAMES)
  local found = refuse(call, operation, forbidden) or unknown
  if found then
    return reply.problem(found)
  end
  local act
  act, found = operation.check(call, fields)
  if not act then
    return reply.problem(found)
  end
  return answer(call, operation, act)
end

function app.finish()
  if ngx.ctx.call then
    journal.finish(ngx.ctx.call, ngx.status)
  end
end

return app
