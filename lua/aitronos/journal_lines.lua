--- The lines of a journal: how they are written, what they say, and what is wrong with them.

local cjson = require "cjson"
local text = require "aitronos.text"

local find, format, match, sub = string.find, string.format, string.match, string.sub
local concat = table.concat
local error, ipairs, pcall, type = error, ipairs, pcall, type

local lines = {
  -- Of a journal that does not say.
  COMMAND = "invite",
}

local VERSION = 1
local VALUE_BYTES = 4096
-- luaposix seeks no further.
local FILE_BYTES = 2147483647

local HEADER_START = '{"aitronos_journal":'

-- What else a line may have, by its kind.
local FIELDS = {
  aitronos_journal = { "organization_id", "base_url", "command", "started" },
  intent = { "role", "at" },
  -- What a report says of a person. What would let its reader join is in none of them.
  done = {
    "line", "address", "role", "outcome", "invitation_id", "expires_at", "status", "code",
    "message", "trace_id", "attempts", "reconciled",
  },
  undone = {},
}

-- An instance of our own, whose settings nobody else changes.
local json = cjson.new()

-- A server may have sent anything. Nil for what is not plain.
local function plain(value)
  local kind = type(value)
  if kind == "string" then
    return text.clip(value, VALUE_BYTES)
  elseif kind == "boolean"
    or kind == "number" and value == value and value ~= 1 / 0 and value ~= -1 / 0 then
    return value
  end
end

local function write(kind, subject, values)
  local parts = { '{"' .. kind .. '":' .. json.encode(subject) }
  for _, name in ipairs(FIELDS[kind]) do
    local value = plain(values[name])
    if value ~= nil then
      parts[#parts + 1] = '"' .. name .. '":' .. json.encode(value)
    end
  end
  return concat(parts, ",") .. "}\n"
end

--- One line. Of the values, only the fields of its kind are written.
---@param kind "intent"|"done"|"undone"
---@param key string
---@param values table<string, any>
---@return string
function lines.write(kind, key, values)
  if type(key) ~= "string" then
    error("the key of a journal's line must be a string, not " .. type(key), 3)
  end
  return write(kind, key, values)
end

--- The line with which a run begins.
---@param values { organization_id: string, base_url?: string, command: string, started: integer }
---@return string
function lines.header(values)
  return write("aitronos_journal", VERSION, values)
end

--- What a line says; nil if it is not whole. No part of a line is one.
---@param line string
---@return table? record
---@return string? kind "done", "intent", "undone" or "header"
---@return string? key
function lines.parse(line)
  local fine, record = pcall(json.decode, line)
  if not fine or type(record) ~= "table" then
    return nil
  end
  for _, kind in ipairs { "done", "intent", "undone" } do
    if type(record[kind]) == "string" then
      return record, kind, record[kind]
    end
  end
  if record.aitronos_journal ~= nil then
    return record, "header"
  end
end

-- Whether it may be what a run that broke off left of a header: its beginning, or blocks that were
-- never written.
local function is_torn_header(line)
  local start = match(line, "^([\1-\255]*)[^\1-\255]*$")
  return start and line ~= ""
    and sub(start, 1, #HEADER_START) == sub(HEADER_START, 1, #start)
end

-- What was synced holds no NUL. So a block of them, which a loss of power leaves, was not.
local function has_nul(line)
  return find(line, "[^\1-\255]") ~= nil
end

local function header_fault(journal, header)
  if header.aitronos_journal ~= VERSION then
    return journal.path .. " is a journal of a version that this program does not know"
  end
  for _, name in ipairs { "organization_id", "base_url", "command" } do
    local theirs, ours = header[name], journal[name]
    if name == "command" then
      theirs = theirs or lines.COMMAND
    end
    if theirs ~= ours and (name ~= "base_url" or theirs and ours) then
      theirs = type(theirs) == "string" and text.escape(text.clip(theirs, text.NAME_BYTES)) or "?"
      return format("%s is the journal of another run: its %s is %s, not %s; "
        .. "give another with --journal FILE", journal.path, name, theirs, ours)
    end
  end
end

--- A function that takes the lines of a journal one after the other and where each begins, and
--- returns what is wrong, if anything is. It keeps where the last line of each key is.
---@param journal aitronos.Journal
---@return fun(line: string, offset: integer): string?
function lines.taker(journal)
  local number, begun, damaged = 0, false, nil
  return function(line, offset)
    number = number + 1
    local record, kind, key = lines.parse(line)
    if not begun and kind ~= "header" and (record or not is_torn_header(line)) then
      return journal.path .. " is not a journal of aitronos-invite"
    elseif not record then
      damaged = damaged or not has_nul(line) and number or nil
    elseif kind == "header" then
      begun, damaged = true, nil
      return header_fault(journal, record)
    elseif damaged then
      return format("%s is damaged at line %d: somebody else wrote into it", journal.path, damaged)
    elseif offset > FILE_BYTES then
      return journal.path .. " is too large"
    else
      journal.done[key] = kind == "done" and offset or nil
      journal.open[key] = kind == "intent" and offset or nil
    end
  end
end

return lines
