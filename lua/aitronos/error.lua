--- Errors: what the library raises and returns. A table with plain fields and this metatable.
--- *Fault*: `{ field, message }`, one thing wrong with what a caller gave.
--- Fields hold what was said as it was said, so that they can be compared; `tostring` escapes.
local text = require "aitronos.text"

local find, sub = string.find, string.sub
local concat, sort = table.concat, table.sort
local getmetatable, ipairs, next, rawget = getmetatable, ipairs, next, rawget
local setmetatable, type = setmetatable, type

---@class aitronos.Fault
---@field field string
---@field message string

---@class aitronos.Error
---@field kind string
---@field code? string
---@field message string
---@field system_message? string
---@field type? string
---@field details? table
---@field trace_id? string
---@field timestamp? string
---@field status? integer
---@field request_id? string
---@field outcome "not_sent"|"rejected"|"unknown"
---@field retryable boolean
---@field retry_after? number seconds
---@field attempts integer
---@field elapsed number seconds
local methods = {}
local Error = { __index = methods, __name = "aitronos.error" }

local errors = {}

local FIELDS = {
  "kind", "code", "message", "system_message", "type", "details", "trace_id", "timestamp",
  "status", "request_id", "outcome", "retryable", "retry_after", "attempts", "elapsed",
}

local LINE_BYTES = 512

-- A field as it may stand in a line, or nil. Escaping never shortens, so no more than the limit
-- (and a little, lest a character be cut in two) needs to be looked at.
local function shown(value, limit)
  if type(value) == "number" then
    return text.number(value)
  end
  if type(value) ~= "string" or value == "" then
    return nil
  end
  return text.clip(text.escape(sub(value, 1, limit + 8)), limit)
end

-- Fields are read raw and by their type: users may have assigned anything to them.
local function line(err)
  local status = rawget(err, "status")
  local trace = shown(rawget(err, "trace_id"), 64)
  local request = not trace and shown(rawget(err, "request_id"), 64)

  local parts = {}
  parts[#parts + 1] = shown(rawget(err, "code"), 64)
  parts[#parts + 1] = type(status) == "number" and "HTTP " .. text.number(status) or nil
  parts[#parts + 1] = trace and "trace " .. trace or request and "request " .. request or nil

  local head = (shown(rawget(err, "kind"), 32) or "error") .. ": "
  local tail = #parts > 0 and " (" .. concat(parts, ", ") .. ")" or ""
  if rawget(err, "outcome") == "unknown" then
    tail = "; it may have been done all the same" .. tail
  end
  return head .. (shown(rawget(err, "message"), LINE_BYTES - #head - #tail) or "no message") .. tail
end

Error.__tostring = line

function Error.__concat(a, b)
  return (errors.is(a) and line(a) or a) .. (errors.is(b) and line(b) or b)
end

--- Plain data: no metatable, no function, nothing that lua-cjson refuses.
---@return table
function methods:to_table()
  local out = {}
  for _, field in ipairs(FIELDS) do
    out[field] = text.copy(rawget(self, field))
  end
  return out
end

---@param fields table the fields of an Error; others are left out
---@return aitronos.Error
function errors.new(fields)
  local err = {}
  for _, field in ipairs(FIELDS) do
    err[field] = fields[field]
  end
  return setmetatable(err, Error)
end

---@param value any
---@return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == Error
end

-- ## Errors made before anything is sent

--- Faults as one text.
---@param faults aitronos.Fault[]
---@return string
function errors.join(faults)
  local parts, bytes = {}, 0
  for _, fault in ipairs(faults) do
    local field = fault.field
    parts[#parts + 1] = (field and field .. ": " or "") .. fault.message
    bytes = bytes + #parts[#parts]
    if bytes > text.TEXT_BYTES then
      break
    end
  end
  return text.clip(concat(parts, "; "), text.TEXT_BYTES)
end

local function local_error(kind, code, message, details)
  return errors.new {
    kind = kind,
    code = code,
    message = message,
    details = details,
    outcome = "not_sent",
    retryable = false,
    attempts = 0,
    elapsed = 0,
  }
end

--- The params of a call are wrong.
---@param faults aitronos.Fault[]
---@return aitronos.Error
function errors.argument(faults)
  return local_error("argument", "INVALID_ARGUMENT", errors.join(faults), faults)
end

--- The client's options are wrong, or it can't be used here or any more.
---@param message string|aitronos.Fault[] a list of faults is its own details
---@param details? aitronos.Fault[]
---@param code? string
---@return aitronos.Error
function errors.config(message, details, code)
  if type(message) == "table" then
    message, details = errors.join(message), message
  end
  return local_error("config", code or "INVALID_OPTION", message, details)
end

--- Names, sorted, for the keys of `given` that `known` lacks. A key that is no short word may be a
--- value in the wrong place, so it is described and not shown.
---@param given table
---@param known table
---@return string[]
function errors.unknown_keys(given, known)
  local names = {}
  for key in next, given do
    if known[key] == nil then
      local name = "[" .. type(key) .. "]"
      if type(key) == "number" then
        name = "[" .. text.number(key) .. "]"
      elseif type(key) == "string" then
        local is_word = #key <= 32 and find(key, "^[0-9A-Za-z_-]+$")
        name = is_word and key or "(a key of " .. #key .. " bytes)"
      end
      names[#names + 1] = name
    end
  end
  sort(names)
  return names
end

return errors
