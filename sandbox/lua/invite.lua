-- POST invite-user: checks, makes the invitation, strikes with the fault that the address asks for.

local faults = require "faults"
local problem = require "problem"
local reply = require "reply"
local store = require "store"
local validation = require "validation"
local world = require "world"

local function refuse_domain(organization_id, email)
  local domain = world.organizations[organization_id].domain
  if domain and email:lower():match("@(.*)$") ~= domain then
    return problem.new(403, "DOMAIN_NOT_REGISTERED")
  end
end

local function refuse_duplicate(organization_id, email)
  if world.members[email:lower()] then
    return problem.new(409, "ALREADY_MEMBER")
  end
  if store.find(organization_id, { email = email }) then
    return problem.new(409, "INVITATION_PENDING")
  end
end

---@return table? wish
---@return table? problem  both, where a valid wish is not for this organization
local function read_wish(call)
  if not (ngx.var.http_content_type or ""):lower():find("^application/json") then
    return nil, problem.new(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.")
  end
  if call.fields == nil then
    return nil, problem.new(400, "VALIDATION_ERROR", "The body is not JSON.")
  end
  if type(call.fields) ~= "table" or not call.body:find("^%s*{") then
    return nil, problem.field("body", "Must be an object.")
  end
  local wish, found = validation.invitation(call.fields)
  if not wish then
    return nil, found
  end
  return wish, refuse_domain(call.organization_id, wish.email)
end

return function(call)
  local wish, found = read_wish(call)
  if found then
    return reply.problem(found)
  end

  local organization_id = call.organization_id
  local fault = faults.due(call.plan, "invite", wish.email)
  local changes = faults.changes(call.plan, wish.role_id)
  if changes and not (fault and fault.makes) then
    store.plant(organization_id, wish.email, wish.role_id, changes)
  end
  if fault and not fault.makes then
    return fault.act(nil, function()
      store.count(wish.email)
      if not refuse_duplicate(organization_id, wish.email) then
        store.make(organization_id, wish)
      end
    end)
  end

  store.count(wish.email)
  local duplicate = refuse_duplicate(organization_id, wish.email)
  if duplicate then
    return reply.problem(duplicate)
  end
  local record = store.make(organization_id, wish, changes)
  if fault then
    return fault.act({ status = 201, body = store.as_created(record) })
  end
  return reply.json(201, store.as_created(record))
end
