--- The whole input, looked at before anything is sent: for which rows there is something to do,
--- which are wrong, and which name an address again.

local core = require "aitronos.core"
local endpoints = require "aitronos.endpoints"
local new_repeats = require "aitronos.cli.repeats"
local record = require "aitronos.cli.record"

---@class aitronos.Plan
---@field rows integer
---@field people integer for whom there is something to do
---@field invalid integer rows
---@field duplicates integer rows
---@field done integer of the people, those with whom earlier runs were done; 0 unless looked up
---@field in_doubt integer of them, those of whom an earlier run could not tell
---@field private operation aitronos.core.Operation
---@field private repeats table<integer, aitronos.Repeat> by line
local Plan = {}
Plan.__index = Plan

local TWO_ROLES = {
  { field = "role", message = "is not the same in all rows with this address" },
}

---The call that a command makes for each person.
---@class aitronos.PlannedCall
---@field operation aitronos.Operation
---@field params aitronos.PlannedParams
---@field looks_at? table<string, boolean> the fields whose faults count; all if left out

---@class aitronos.RowFault: aitronos.Fault
---@field in_full? string the message and more, to be said once of all rows that have it

---The params, and what is wrong with them, if not that they will not do.
---@alias aitronos.PlannedParams
---| fun(settings: aitronos.CommandSettings, person: aitronos.Person): table, aitronos.RowFault[]?

-- What is wrong with a row, as far as the call looks at it.
local function row_faults(call, person)
  if not person.faults or not call.looks_at then
    return person.faults
  end
  local counting = {}
  for _, fault in ipairs(person.faults) do
    counting[#counting + 1] = call.looks_at[fault.field] and fault or nil
  end
  return counting[1] and counting
end

local function params_of(self, person)
  local params, faults = self.call.params(self.settings, person)
  faults = row_faults(self.call, person) or faults
  if not faults then
    faults = core.check(self.operation, params)
  end
  return params, faults
end

local function add_fault(self, person, role, faults, tell)
  self.invalid = self.invalid + 1
  tell(record.invalid(person, role, faults))
end

local function look_at(self, person, repeats, tell)
  local params, faults = params_of(self, person)
  local role = params.role_id
  self.rows = self.rows + 1
  if faults then
    return add_fault(self, person, role, faults, tell)
  end
  self.people = self.people + 1
  repeats:add(person.line, person.address, role or "")
end

-- A row that is left out, for the sake of others with its address.
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

--- Goes through the input once more, which must be the same: returns the next person for whom there
--- is something to do, with the params of the call; the rows before it that are left out are told.
---@param next_person fun(): aitronos.Person?
---@param tell fun(record: aitronos.Record)
---@return fun(): aitronos.Person?, table?
function Plan:again(next_person, tell)
  return function()
    for person in next_person do
      local params, faults = params_of(self, person)
      local found = self.repeats[person.line]
      local row = faults and record.invalid(person, params.role_id, faults)
        or found and record_of(person, params.role_id, found)
      if not row then
        return person, params
      end
      tell(row)
    end
  end
end

local plan = {}

--- Reads the whole input. Told are the rows with faults, and those that name an address again.
---@param next_person fun(): aitronos.Person?
---@param settings aitronos.CommandSettings
---@param call aitronos.PlannedCall
---@param tell fun(record: aitronos.Record)
---@return aitronos.Plan
function plan.make(next_person, settings, call, tell)
  local self = setmetatable({
    settings = settings, call = call, operation = core.operation(endpoints[call.operation]),
    rows = 0, people = 0, invalid = 0, duplicates = 0,
    done = 0, in_doubt = 0,
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
  local faults = core.check(core.operation(endpoints.invite_user), {
    organization_id = settings.org, email = "a@b", role_id = settings.role or "role",
  })
  if faults then
    local fault = faults[1]
    return (fault.field == "role_id" and "--role " or "--org ") .. fault.message
  end
end

return plan
