--- Who is to be invited: people out of CSV, a list of addresses, or JSON lines.
--- A row's form is judged here; whether an address or a role will do is for the core.

local csv = require "aitronos.csv"
local errors = require "aitronos.error"
local input = require "aitronos.input"
local jsonl = require "aitronos.cli.jsonl"
local person = require "aitronos.cli.person"

local find, format, gsub = string.find, string.format, string.gsub
local ipairs, type = ipairs, type

local M = {}

---@class aitronos.Input.About
---@field format "csv"|"jsonl"
---@field ignored string[] names of columns that say nothing to us; complete with the first person

local BLANK = "^[ \t\r\n]*$"

-- ## CSV

-- What columns may be called, in lower case and without separators.
local COLUMNS = {
  email = "address", mail = "address", address = "address", emailaddress = "address",
  mailaddress = "address",
  role = "role", roleid = "role",
  rolename = "role_name",
  send = "send", sendinvitation = "send", sendemail = "send", invite = "send",
}

local function is_blank(fields)
  for i = 1, #fields do
    if not find(fields[i], BLANK) then
      return false
    end
  end
  return true
end

---@class aitronos.Input.Header
---@field columns table<integer, string> what a column means, by its number
---@field width integer
---@field ignored string[]
---@field double? string what more than one of them means

-- Whether any field holds an @, and so may be an address.
local function has_at(fields)
  for i = 1, #fields do
    if find(fields[i], "@", 1, true) then
      return true
    end
  end
  return false
end

-- Nil where the first record is no header.
local function header_of(fields)
  local header = { columns = {}, width = #fields, ignored = {} }
  local has = {}
  for i, name in ipairs(fields) do
    local meaning = COLUMNS[gsub(person.lower(name), "[ \t\r\n_-]", "")]
    if meaning then
      header.columns[i] = meaning
      header.double = has[meaning] and meaning or header.double
      has[meaning] = true
    elseif not find(name, BLANK) then
      header.ignored[#header.ignored + 1] = person.trim(name)
    end
  end
  return has.address and header or nil
end

-- What is wrong with a first record, so that no other could be understood.
local function first_fault(header, fields)
  if header and header.double then
    return "has more than one column for the " .. header.double
  elseif not header and not has_at(fields) then
    return "has no column named email, and no address"
  end
end

local function named_row(line, fields, header)
  local found, columns, width = person.new(line), header.columns, header.width
  for i = 1, #fields do
    local text, meaning = fields[i], columns[i]
    if i > width and not find(text, BLANK) then
      found:add_fault("row", format("has %d columns, and the header has %d", #fields, width))
      break
    elseif meaning and not find(text, BLANK) then
      found:set(meaning, text)
    end
  end
  return found
end

local TWO_ADDRESSES = "has an address in its second column: give each address a line of its own, "
  .. "and put a name with a comma in quotes"
local TOO_WIDE = "has %d columns: without a header, give an address, or an address and a role id"

local function unnamed_row(line, fields)
  local found, width = person.new(line), #fields
  found:set("address", fields[1])
  while width > 1 and find(fields[width], BLANK) do
    width = width - 1
  end
  if width > 1 and find(fields[2], "@", 1, true) then
    found:add_fault("row", TWO_ADDRESSES)
  elseif width > 2 then
    found:add_fault("row", format(TOO_WIDE, width))
  elseif width == 2 then
    found:set("role", fields[2])
  end
  return found
end

local function from_csv(source, about)
  local read = csv.reader(source, { mailboxes = true })
  local header, started, stopped

  local function next_fields()
    local line, fields, fault
    repeat
      line, fields, fault = read()
    until not fields or not is_blank(fields)
    return line, fields, fault
  end

  -- Takes the header, if there is one. Where the first record can't be understood, no other can.
  local function start()
    local line, fields, fault = next_fields()
    started = true
    header = fields and header_of(fields)
    fault = fault or fields and first_fault(header, fields)
    if fault then
      stopped = true
      return person.broken(line, fault .. "; nothing after it was read")
    elseif header then
      about.ignored = header.ignored
    elseif fields then
      return unnamed_row(line, fields)
    end
  end

  return function()
    local first = not started and start()
    if first or stopped then
      return first or nil
    end
    local line, fields, fault = next_fields()
    if fault then
      return person.broken(line, fault)
    elseif header and fields then
      return named_row(line, fields, header)
    elseif fields then
      return unnamed_row(line, fields)
    end
  end
end

-- ## JSON lines

local KEYS = { "email", "address", "role_id", "role_name", "send_invitation" }
local MEANINGS = {
  email = "address", address = "address",
  role_id = "role", role_name = "role_name",
  send_invitation = "send",
}
local UNKNOWN_KEY = "is not known: give email, role_id or role_name, and send_invitation"

local function from_object(line, object)
  local found = person.new(line)
  for _, key in ipairs(KEYS) do
    local meaning, value = MEANINGS[key], object[key]
    local wanted = meaning == "send" and "boolean" or "string"
    -- Null is absent, as in what the API sends.
    local is_given = value ~= nil and value ~= jsonl.null
    if is_given and type(value) ~= wanted then
      found:add_fault(key, "must be a " .. wanted .. ", not " .. type(value))
    elseif is_given and key == "address" and found.address ~= "" then
      found:add_fault(key, "give only one of email and address")
    elseif is_given then
      found:set(meaning, value)
    end
  end
  for _, key in ipairs(errors.unknown_keys(object, MEANINGS)) do
    found:add_fault(key, UNKNOWN_KEY)
  end
  return found
end

local function from_jsonl(source)
  local read = jsonl.reader(source)
  return function()
    local line, object, fault = read()
    if object then
      return from_object(line, object)
    elseif line then
      return person.broken(line, fault)
    end
  end
end

-- ## Either

---@class aitronos.Input.Options
---@field format? "csv"|"jsonl" where it is not given, an input that begins with { is JSON lines

--- People one by one, in the order of the input. A row that is malformed is a person with faults;
--- no row is passed over but blank ones.
---
---     local next_person, about = people.open(function() return file:read(65536) end)
---     for person in next_person do
---       print(person.line, person.address, person.faults and person.faults[1].message)
---     end
---     print("Ignored columns: " .. table.concat(about.ignored, ", "))
---
---@param read fun(): string|nil, string|nil chunks of the input, as `input.new` takes them
---@param options? aitronos.Input.Options
---@return fun(): aitronos.Person|nil next_person
---@return aitronos.Input.About about
function M.open(read, options)
  local source = input.new(read)
  local form = options and options.format
  if not form then
    source:has_more()
    form = find(source.data, "^[ \t\r\n]*{", source.at) and "jsonl" or "csv"
  end
  local about = { format = form, ignored = {} }
  return form == "jsonl" and from_jsonl(source) or from_csv(source, about), about
end

return M
