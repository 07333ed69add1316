--- The whole input, looked at before anything is sent: which rows are to be invited, which are
--- wrong, and which name an address again. It remembers each address and nothing else.

local endpoints = require "aitronos.endpoints"
local library = require "aitronos.params"
local record = require "aitronos.cli.record"

local format = string.format

---@class aitronos.Plan
---@field rows integer
---@field people integer to be invited
---@field invalid integer rows
---@field duplicates integer rows
---@field private first table<string, integer|false> the row that counts; false: none, for two roles
---@field private roles table<string, string> where it is not the command's
local Plan = {}
Plan.__index = Plan

-- A collector that waits for so many hundredths of what is kept: with a million addresses, garbage
-- as large as they are would be most of the memory.
local PAUSE = 125
local MANY = 100000

local TWO_ROLES = "is there more than once, with different roles"
local CHANGED = "was not there when the input was checked"

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

local function look_at(self, person, tell)
  local params = self.params(self.settings, person)
  local role, key = role_of(params), person.key
  local faults = faults_of(person, params)
  self.rows = self.rows + 1
  if faults then
    return add_fault(self, person, role, faults, tell)
  end
  local first = self.first[key]
  if first == nil then
    self.people = self.people + 1
    self.first[key] = person.line
    if role ~= self.settings.role then
      self.roles[key] = role
    end
  elseif first == false or (self.roles[key] or self.settings.role) ~= role then
    if first then
      self.people, self.invalid = self.people - 1, self.invalid + 1
      self.first[key] = false
    end
    add_fault(self, person, role, { { field = "role", message = first
      and format("is another one than in line %d, for the same address", first) or TWO_ROLES } },
      tell)
  else
    self.duplicates = self.duplicates + 1
    tell(record.duplicate(person, role, first))
  end
end

--- Goes through the input once more: returns the next person who is to be invited, with the params
--- of the call; the rows before it that are not are told.
---@param next_person fun(): aitronos.Person?
---@param tell fun(record: aitronos.Record)
---@return fun(): aitronos.Person?, aitronos.InviteUserParams?
function Plan:again(next_person, tell)
  local first = self.first
  return function()
    for person in next_person do
      local params = self.params(self.settings, person)
      local role, line = role_of(params), first[person.key]
      local faults = faults_of(person, params)
      if not faults and not line then
        local message = line == false and TWO_ROLES or CHANGED
        faults = { { field = "row", message = message } }
      end
      if faults then
        tell(record.invalid(person, role, faults))
      elseif line == person.line then
        return person, params
      else
        tell(record.duplicate(person, role, line))
      end
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
    settings = settings, rows = 0, people = 0, invalid = 0, duplicates = 0, first = {}, roles = {},
  }, Plan)
  local usual = collectgarbage("setpause", PAUSE)
  for person in next_person do
    look_at(self, person, tell)
  end
  if self.people < MANY then
    collectgarbage("setpause", usual)
  end
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
