-- Faults on demand. An address `fault+NAME@…` asks for one: `fault+503x2@example.com` is refused
-- twice, `fault+lostreply.lookup503.anna@example.com` combines one of the invitation with one of
-- its look-up, and whatever else stands after a dot only keeps addresses apart. An organization
-- `org_fault-NAME` asks for one whatever the address, with dashes for dots.

local LIST = require "fault_list"
local problem = require "problem"

local faults = {}

local by_name = {}
for _, fault in ipairs(LIST) do
  by_name[fault.name] = fault
end

-- An operation's name before a fault's moves the fault there.
---@return table? fault
---@return string? place  the operation's name, or "seed"
local function resolve(name, places)
  local fault = by_name[name]
  if fault then
    return fault, fault.seed and "seed" or fault.place or "invite"
  end
  for _, place in ipairs(places) do
    fault = name:sub(1, #place) == place and by_name[name:sub(#place + 1)]
    if fault then
      return fault, place
    end
  end
end

-- What is asked for, its pieces apart by dots, and by whom.
local function wish(email, organization_id)
  local text = email and email:lower():match("^fault%+([^@]*)@")
  if text then
    return text, email:lower()
  end
  text = organization_id and organization_id:match("^org_fault%-(.*)$")
  if text then
    return text:gsub("%-", "."), organization_id
  end
end

---What an address, or else an organization, asks for.
---@param places string[]  names of operations
---@return table? plan  nil for an ordinary address
---@return table? problem
function faults.plan(email, organization_id, places)
  local text, subject = wish(email, organization_id)
  if not text then
    return nil
  end
  local plan = { text = text, subject = subject }
  for piece in (text .. "."):gmatch("([^.]*)%.") do
    local name, count = piece:match("^(.+)x(%d+)$")
    local fault, place = resolve(name or piece, places)
    if fault and (place ~= "invite" or not plan.begun) then
      plan[place] = { fault = fault, count = tonumber(count) }
    elseif not plan.begun then
      return nil, problem.new(400, "UNKNOWN_FAULT", "GET /_sandbox/faults lists what there is.")
    end
    plan.begun = true
  end
  return plan
end

---The fault that strikes now; counts it.
---@param place string  an operation's name
function faults.due(plan, place)
  local part = plan and plan[place]
  if not part then
    return nil
  end
  local counter = place .. ":" .. plan.subject
  if part.count and ngx.shared.counters:incr(counter, 1, 0) > part.count then
    return nil
  end
  return part.fault
end

---What is different about the invitation that such an address has.
---@return table? changes  for store.make
---@return boolean? before  it is there before it is asked for, since no fault makes it
function faults.changes(plan, role_id)
  if plan and plan.seed then
    local invite = plan.invite
    return plan.seed.fault.seed(role_id), not (invite and invite.fault.makes)
  end
end

---Names and descriptions, in order.
function faults.list()
  local shown = {}
  for place, fault in ipairs(LIST) do
    shown[place] = { name = fault.name, what = fault.what, makes = fault.makes or false }
  end
  return shown
end

return faults
