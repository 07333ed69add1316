--- Somebody to be invited, out of one row of an input.

local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub
local setmetatable, type = setmetatable, type

local M = {}

---@class aitronos.Person
---@field line integer where its row begins in the input
---@field address string as it goes on the wire; "" where it is missing
---@field key string the same for comparing: ASCII letters in lower case
---@field role? string the row's own role id
---@field role_name? string or role name
---@field send? boolean the row's own choice
---@field faults? aitronos.Fault[] what is wrong with the row
local Person = {}
local metatable = { __index = Person }

local TWO_ROLES = "give only one of role_id and role_name"

-- In two steps: one pattern for both ends takes time by the square of the blanks within.
function M.trim(text)
  local from = find(text, "[^ \t\r\n]")
  return from and match(text, "^.*[^ \t\r\n]", from) or ""
end

-- By hand, since string.lower follows the locale.
local LOWER = {}
for letter in ("ABCDEFGHIJKLMNOPQRSTUVWXYZ"):gmatch(".") do
  LOWER[letter] = letter:lower()
end

--- With ASCII letters in lower case.
function M.lower(text)
  return find(text, "^[^A-Z]*$") and text or gsub(text, "[A-Z]", LOWER)
end

---@param line integer
---@return aitronos.Person
function M.new(line)
  return setmetatable({ line = line, address = "", key = "" }, metatable)
end

--- A row of which nothing can be used.
---@param line integer
---@param fault string
---@return aitronos.Person
function M.broken(line, fault)
  local person = M.new(line)
  person:add_fault("row", fault)
  return person
end

---@param field string
---@param message string
function Person:add_fault(field, message)
  self.faults = self.faults or {}
  self.faults[#self.faults + 1] = { field = field, message = message }
end

-- The address in `Name <address>`, unless the name may be another address.
local function bare(address)
  local name, inner = match(address, "^(.*)<([^<>]*)>$")
  if not name then
    return address
  end
  name = gsub(name, '"[^"]*"', "")
  local at = find(name, "@", 1, true)
  if find(name, "[<>]") or at and find(name, "[,;]", at) then
    return address
  end
  return M.trim(inner)
end

local BOOLEANS = {
  ["true"] = true, yes = true, y = true, ["1"] = true,
  ["false"] = false, no = false, n = false, ["0"] = false,
}

local SETTERS = {}

function SETTERS.address(person, text)
  local address = M.trim(text)
  if sub(address, -1) == ">" then
    address = bare(address)
  end
  person.address, person.key = address, M.lower(address)
end

function SETTERS.role(person, text)
  person.role = M.trim(text)
  if person.role_name then
    person:add_fault("role_id", TWO_ROLES)
  end
end

function SETTERS.role_name(person, text)
  person.role_name = M.trim(text)
  if person.role then
    person:add_fault("role_name", TWO_ROLES)
  end
end

function SETTERS.send(person, value)
  if type(value) == "string" then
    value = BOOLEANS[M.lower(M.trim(value))]
  end
  person.send = value
  if value == nil then
    person:add_fault("send_invitation", "must be true or false, yes or no, 1 or 0")
  end
end

---@param meaning "address"|"role"|"role_name"|"send"
---@param value string|boolean
function Person:set(meaning, value)
  SETTERS[meaning](self, value)
end

return M
