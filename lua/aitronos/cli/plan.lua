--- The whole input, looked at before anything is sent: which rows are to be invited, which are
--- wrong, and which name an address again.

local endpoints = require "aitronos.endpoints"
local library = require "aitronos.params"
local new_repeats = require "aitronos.cli.repeats"
local record = require "aitronos.cli.record"

---@class aitronos.Plan
---@field rows integer
---@field people integer to be invited
---@field invalid integer rows
---@field duplicates integer rows
---@field private repeats table<integer, aitronos.Repeat> by line
local Plan = {}
Plan.__index = Plan

local TWO_ROLES = {
  { field = "role", message = "is not the same in all rows with this address" },
}

---@param settings aitronos.CommandSettings
---@param person aitronos.Person
---@return aitronos.InviteUserParams
function Plan.params(settings, person)
  local role = not person.role_name and (person.role or settings.role) or nil
  local send = person.send
  if settings.no_send then
    send = false
  end
  return {
    organization_id = settings.org, email = person.address,
    role_id = role, role_name = person.role_name, send_invitation = send,
  }
end

local function role_of(params)
  return params.role_id or params.role_name
end

local function faults_of(person, params)
  if person.faults then
    return person.faults
  end
  local values, faults = library.check(endpoints.invite_user, params)
  return not values and faults or nil
end

local function add_fault(self, person, role, faults, tell)
  self.invalid = self.invalid + 1
  tell(record.invalid(person, role, faults))
end

local function look_at(self, person, repeats, tell)
  local params = self.params(self.settings, person)
  local role = role_of(params)
  local faults = faults_of(person, params)
  self.rows = self.rows + 1
  if faults then
    return add_fault(self, person, role, faults, tell)
  end
  self.people = self.people + 1
  repeats:add(person.line, person.address, role)
end

-- A row that is not to be invited, for the sake of others with its address.
local function record_of(person, role, found)
  if found.differs then
    return record.invalid(person, role, TWO_ROLES)
  elseif found.first ~= person.line then
    return record.duplicate(person, role, found.first)
  end
end

-- Told in the order of the input.
local function take_out_repeats(self, tell)
  local lines = {}
  for line in pairs(self.repeats) do
    lines[#lines + 1] = line
  end
  table.sort(lines)
  for _, line in ipairs(lines) do
    local found = self.repeats[line]
    local row = record_of({ line = line, address = found.address }, nil, found)
    if row then
      local count = found.differs and "invalid" or "duplicates"
      self[count], self.people = self[count] + 1, self.people - 1
      tell(row)
    end
  end
end

--- Goes through the input once more, which must be the same: returns the next person who is to be
--- invited, with the params of the call; the rows before it that are not are told.
---@param next_person fun(): aitronos.Person?
---@param tell fun(record: aitronos.Record)
---@return fun(): aitronos.Person?, aitronos.InviteUserParams?
function Plan:again(next_person, tell)
  return function()
    for person in next_person do
      local params = self.params(self.settings, person)
      local role, faults = role_of(params), faults_of(person, params)
      local found = self.repeats[person.line]
      local row = faults and record.invalid(person, role, faults)
        or found and record_of(person, role, found)
      if not row then
        return person, params
      end
      tell(row)
    end
  end
end

local plan = { params = Plan.params, role_of = role_of }

--- Reads the whole input. Told are the rows with faults, and those that name an address again.
---@param next_person fun(): aitronos.Person?
---@param settings aitronos.CommandSettings
---@param tell fun(record: aitronos.Record)
---@return aitronos.Plan
function plan.make(next_person, settings, tell)
  local self = setmetatable({
    settings = settings, rows = 0, people = 0, invalid = 0, duplicates = 0,
  }, Plan)
  local repeats = new_repeats()
  for person in next_person do
    look_at(self, person, repeats, tell)
  end
  self.repeats = repeats:find()
  take_out_repeats(self, tell)
  return self
end

--- What is wrong with the organization or the role, whatever the rows are.
---@param settings aitronos.CommandSettings
---@return string? message
function plan.fault(settings)
  local values, faults = library.check(endpoints.invite_user, {
    organization_id = settings.org, email = "a@b", role_id = settings.role or "role",
  })
  if not values then
    local fault = faults[1]
    return (fault.field == "role_id" and "--role " or "--org ") .. fault.message
  end
end

return plan
