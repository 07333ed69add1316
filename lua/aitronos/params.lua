--- Checks the params of a call against its row in `endpoints.lua`, before anything is sent.
--- A fault is `{ field, message }`. A message says what is wrong and what would be right, and never
--- holds the value: it may be huge, or a secret in the wrong place.
--- Params are read raw: a metatable neither runs nor counts.

local errors = require "aitronos.error"

local concat = table.concat
local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub
local getmetatable, ipairs, next = getmetatable, ipairs, next
local rawget, select, type = rawget, select, type

local params = {}

-- So that every request that passes here also fits what the core sends.
local ID_BYTES = 1024
local LINE_BYTES = 1048576
local NAME_CHARACTERS = 255
local PASSWORD_CHARACTERS = 8 -- at least
local MOST_IDS = 1000

-- By exclusion, since a pattern can't hold a NUL in Lua 5.1, and classes like %c follow the locale.
local CONTROL = "[^\32-\126\128-\255]"
local CONTROL_OR_SPACE = "[^\33-\126\128-\255]"
local C1_CONTROL = "\194[\128-\159]"

local WIDE_SPACES = {
  "\194\160", -- U+00A0
  "\225\154\128", -- U+1680
  "\226\128[\128-\138\168\169\175]", -- U+2000 to U+200A, U+2028, U+2029, U+202F
  "\226\129\159", -- U+205F
  "\227\128\128", -- U+3000
}

local TAIL = "[\128-\191]"

-- All well-formed sequences: nothing overlong, no surrogate, nothing beyond U+10FFFF.
local SEQUENCES = {
  "[\194-\223]" .. TAIL,
  "\224[\160-\191]" .. TAIL,
  "[\225-\236\238\239]" .. TAIL .. TAIL,
  "\237[\128-\159]" .. TAIL,
  "\240[\144-\191]" .. TAIL .. TAIL,
  "[\241-\243]" .. TAIL .. TAIL .. TAIL,
  "\244[\128-\143]" .. TAIL .. TAIL,
}

-- An ASCII stand-in for each sequence can't join its neighbours to a new one, so the order of the
-- patterns does not matter and what is left over was malformed.
local function is_utf8(text)
  if not find(text, "[\128-\255]") then
    return true
  end
  for i = 1, #SEQUENCES do
    text = gsub(text, SEQUENCES[i], "?")
  end
  return not find(text, "[\128-\255]")
end

local function has_wide_space(text)
  for i = 1, #WIDE_SPACES do
    if find(text, WIDE_SPACES[i]) then
      return true
    end
  end
  return false
end

local function characters(text)
  return select(2, gsub(text, "[^\128-\191]", ""))
end

--- What is wrong with a line of text, which may stand where people read it.
local function line_fault(text)
  if #text > LINE_BYTES then
    return "must be at most " .. LINE_BYTES .. " bytes long"
  end
  if find(text, "^[\32-\126]+$") then
    return nil
  end
  if text == "" then
    return "must not be empty"
  end
  if not is_utf8(text) then
    return "must be valid UTF-8"
  end
  if find(text, CONTROL) or find(text, C1_CONTROL) then
    return "must not hold control characters"
  end
end

-- What a name stands for is the same in every operation. Each check takes a value of the right type
-- and returns what is wrong with it, or nil. Most values are plain ASCII and pass with the first
-- pattern.
local CHECKS = {}

-- The organization and the role of a call are most often those of the call before.
local MOST_REMEMBERED = 128
local good_id, good_role

function CHECKS.organization_id(id)
  if id == good_id then
    return nil
  end
  if #id > ID_BYTES then
    return "must be at most " .. ID_BYTES .. " bytes long"
  end
  if find(id, "^org_[0-9A-Za-z_-]+$") then
    good_id = id
    return nil
  end
  if sub(id, 1, 4) == "ORG_" then
    return "is an id of an older form: ids now begin with lower-case org_"
  end
  return "must be org_ followed by letters, digits, _ or -"
end

function CHECKS.email(email)
  if #email > 254 then
    return "must be at most 254 bytes long"
  end
  local at = match(email, "^[\33-\63\65-\126]+()@[\33-\63\65-\126]+$")
  if not at then
    if not is_utf8(email) then
      return "must be valid UTF-8"
    end
    if find(email, CONTROL_OR_SPACE) or find(email, C1_CONTROL) or has_wide_space(email) then
      return "must not hold white space or control characters"
    end
    at = find(email, "@", 1, true)
    if not at or find(email, "@", at + 1, true) then
      return "must have exactly one @"
    end
    if at == 1 or at == #email then
      return "must have something on both sides of its @"
    end
  end
  if at > 65 then
    return "must have at most 64 bytes before its @"
  end
end

local function role_fault(role)
  if role == good_role then
    return nil
  end
  local fault = line_fault(role)
  good_role = not fault and #role <= MOST_REMEMBERED and role or nil
  return fault
end

CHECKS.role_id, CHECKS.role_name = role_fault, role_fault

--- What stands for something at the server. One or two dots would be a step in the URL's path.
local function id_fault(id)
  if #id > ID_BYTES then
    return "must be at most " .. ID_BYTES .. " bytes long"
  end
  if id == "." or id == ".." then
    return "must not be made of dots"
  end
  return line_fault(id)
end

CHECKS.user_id, CHECKS.invitation_id, CHECKS.email_key = id_fault, id_fault, id_fault

function CHECKS.user_ids(ids)
  local count = 0
  for _ in next, ids do
    count = count + 1
  end
  if count == 0 or count > MOST_IDS then
    return "must be a list of 1 to " .. MOST_IDS .. " ids"
  end
  for i = 1, count do
    local id = rawget(ids, i)
    if type(id) ~= "string" then
      return "must be a list of strings, which it is not at " .. i
    end
    local fault = id_fault(id)
    if fault then
      return fault .. ", at " .. i
    end
  end
end

function CHECKS.full_name(name)
  if characters(name) > NAME_CHARACTERS then
    return "must be at most " .. NAME_CHARACTERS .. " characters long"
  end
  return line_fault(name)
end

function CHECKS.password(password)
  if #password > ID_BYTES then
    return "must be at most " .. ID_BYTES .. " bytes long"
  end
  if characters(password) < PASSWORD_CHARACTERS then
    return "must be at least " .. PASSWORD_CHARACTERS .. " characters long"
  end
  return not is_utf8(password) and "must be valid UTF-8" or nil
end

local function add(faults, field, message)
  faults = faults or {}
  faults[#faults + 1] = { field = field, message = message }
  return faults
end

local function value_fault(parameter, name, value)
  local wanted = parameter.type or "string"
  if type(value) ~= wanted then
    return "must be a " .. wanted .. ", not " .. type(value)
  end
  local check = CHECKS[name] or wanted == "string" and line_fault
  return check and check(value)
end

local function add_unknown(faults, row, given, known)
  local names = {}
  for _, parameter in ipairs(row.parameters) do
    names[#names + 1] = concat(parameter.names, " or ")
  end
  local message = "is not a parameter of this call, which takes " .. concat(names, ", ")
  for _, field in ipairs(errors.unknown_keys(given, known)) do
    faults = add(faults, field, message)
  end
  return faults
end

-- What a metatable would add or hide is not looked at.
local function without_metatable(given)
  local plain = {}
  for key, value in next, given do
    plain[key] = value
  end
  return plain
end

---@param row aitronos.Endpoint
---@param given any what the caller passed
---@return table<string, any>? values every parameter given; nil if there is a fault
---@return table<string, any>|aitronos.Fault[] body those of the request body; all faults, if any
function params.check(row, given)
  if type(given) ~= "table" then
    return nil, add(nil, "params", "must be a table, not " .. type(given))
  end
  if getmetatable(given) ~= nil then
    given = without_metatable(given)
  end

  -- These nils make no field, but room for so many, which would else come in three steps.
  local values = { _1 = nil, _2 = nil, _3 = nil, _4 = nil }
  local body = { _1 = nil, _2 = nil, _3 = nil, _4 = nil }
  local faults
  local parameters, in_url = row.parameters, row.in_url
  for i = 1, #parameters do
    local parameter = parameters[i]
    local names, present = parameter.names, 0
    for j = 1, #names do
      local name = names[j]
      local value = given[name]
      if value ~= nil then
        present = present + 1
        values[name] = value
        if not in_url[name] then
          body[name] = value
        end
        local fault = value_fault(parameter, name, value)
        if fault then
          faults = add(faults, name, fault)
        end
      end
    end
    if present > 1 then
      faults = add(faults, names[2], "give only one of " .. concat(names, " and "))
    elseif present == 0 and parameter.required then
      local choice = names[2] and ": give " .. concat(names, " or ") or ""
      faults = add(faults, names[1], "is required" .. choice)
    end
  end

  for key in next, given do
    if values[key] == nil then
      faults = add_unknown(faults, row, given, values)
      break
    end
  end

  if faults then
    return nil, faults
  end
  return values, body
end

return params
