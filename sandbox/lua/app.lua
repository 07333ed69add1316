-- One request to the API: reads it, writes it down, checks who may, hands it to its endpoint.

local auth = require "auth"
local faults = require "faults"
local ids = require "ids"
local journal = require "journal"
local json = require "json"
local limits = require "limits"
local problem = require "problem"
local reply = require "reply"
local world = require "world"

local app = {}

local ROUTES = {
  {
    method = "POST",
    path = "^/v1/organizations/([^/]+)/invite%-user$",
    may_invite = true,
    run = require "invite",
  },
  {
    method = "GET",
    path = "^/v1/organizations/([^/]+)/invitation$",
    run = require "invitation",
  },
}

---@return table? route
---@return string? organization_id
---@return table? problem
local function find_route(method)
  for _, route in ipairs(ROUTES) do
    local organization_id = ngx.var.uri:match(route.path)
    if organization_id then
      if method == route.method then
        return route, organization_id
      end
      return nil, organization_id, problem.new(405, "METHOD_NOT_ALLOWED", nil, nil, {
        Allow = route.method,
      })
    end
  end
  return nil, nil, problem.new(404, "NOT_FOUND", "There is no such path.")
end

local function read()
  ngx.req.read_body()
  local call = {
    method = ngx.req.get_method(),
    path = ngx.var.request_uri,
    body = ngx.req.get_body_data() or "",
    arguments = ngx.req.get_uri_args(),
  }
  call.fields = json.decode(call.body)
  local source = call.method == "POST" and call.fields or call.arguments
  local email = type(source) == "table" and source.email
  call.email = type(email) == "string" and email or nil
  return call
end

local function set_headers(call)
  local header = ngx.header
  header["x-request-id"] = "req_" .. ids.uuid()
  header["freddy-api-version"] = world.API_VERSION
  header["aitronos-organization"] = call.organization_id
end

function app.handle()
  local call = read()
  local route, refused, forbidden, unknown
  route, call.organization_id, refused = find_route(call.method)
  call.key, forbidden = auth.identify()
  if call.email then
    call.plan, unknown = faults.plan(call.email)
  end
  journal.add(call)
  ngx.ctx.call = call
  set_headers(call)

  if not route then
    return reply.problem(refused)
  end
  if forbidden then
    return reply.problem(forbidden)
  end
  local limit_headers, exhausted = limits.take(call.key)
  for name, value in pairs(limit_headers) do
    ngx.header[name] = value
  end
  local found = exhausted
    or auth.forbid(call.key, call.organization_id, route.may_invite)
    or unknown
  if found then
    return reply.problem(found)
  end
  return route.run(call)
end

function app.finish()
  if ngx.ctx.call then
    journal.finish(ngx.ctx.call, ngx.status)
  end
end

return app
